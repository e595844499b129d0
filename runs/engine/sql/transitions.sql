-- run_move --
-- Move a run from one of the given statuses to another; of several at the same time one does.
-- Waits for claims under way, which hold the row FOR SHARE. Returns the status it came from, and
-- when it moved.
WITH before AS (
    SELECT id, status FROM runs_run
    WHERE id = %(run_id)s AND status = ANY(%(sources)s)
      -- Alone, where claims share it: see run_turn.
      AND (SELECT true FROM pg_advisory_xact_lock(hashtextextended(runs_run.id::text, 7104)))
    FOR NO KEY UPDATE
)
UPDATE runs_run
SET status = %(to)s,
    draining = %(to)s IN ('CANCELLED', 'FAILED'),
    error_code = %(error_code)s, error = %(error)s,
    version = version + 1
FROM before
WHERE runs_run.id = before.id
RETURNING before.status, clock_timestamp() AS at

-- run_standing --
-- How many of the run's lanes have an item under way, in how many one waits, how many items workers
-- brought to an end, and how many requests are out in the provider's batches.
SELECT lanes.*, (
    SELECT count(*)
    FROM runs_providerbatch batch JOIN runs_providercall call ON call.batch_id = batch.id
    WHERE batch.run_id = %(run_id)s AND call.outcome = 'STARTED'
) AS requests_out
FROM (
    SELECT count(*) FILTER (WHERE state = 'running') AS in_flight,
           count(*) FILTER (WHERE state IN ('sent', 'parked')) AS waiting,
           COALESCE(sum(completed + failed + skipped), 0)::bigint AS done
    FROM runs_lane WHERE run_id = %(run_id)s
) AS lanes

-- run_turn (part) --
-- Who waits for a row that others share is overtaken by whoever shares it next: a pause would wait
-- until nobody claims for a moment. Those who wait for this lock have it in turn.
(SELECT true FROM pg_advisory_xact_lock_shared(hashtextextended(runs_run.id::text, 7104)))

-- lanes_drain --
-- A run is over but for what its running lanes carry: they are told. Waits for items that are
-- being finished; the statements of those that are not yet find it in the row that they wait for.
WITH running AS (
    SELECT id FROM runs_lane
    WHERE run_id = %(run_id)s AND state = 'running'
    ORDER BY id
    FOR UPDATE
)
UPDATE runs_lane SET draining = true
WHERE run_id = %(run_id)s AND (id IN (SELECT id FROM running)) IS TRUE

-- targets_close --
-- Other runs may have this one's targets. By their places: to look for ten thousand of them a second
-- time takes as long as the rest.
DELETE FROM runs_opentarget
WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM runs_opentarget
    WHERE run_id = %(run_id)s
    ORDER BY kind, target_id
    FOR UPDATE
))

-- waiting_close --
-- Other runs may have this one's targets, but those that are being generated, or are out in a slice,
-- whose answer is kept where there is one. One that somebody
-- deletes meanwhile is theirs, or closed when this run has ended: nobody's cancel waits for it.
DELETE FROM runs_opentarget
WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM runs_opentarget
    WHERE run_id = %(run_id)s
      AND target_id NOT IN (
          SELECT target_id FROM runs_runitem
          WHERE run_id = %(run_id)s AND target_id IS NOT NULL
            AND (status = 'GENERATING' OR (status = 'PENDING' AND batch_id IS NOT NULL))
      )
    ORDER BY kind, target_id
    FOR UPDATE SKIP LOCKED
))

-- items_cancel --
-- Cancel those of these items of an active run that wait, and, where `under_way`, mark those that
-- are generated for their workers. What waits is counted in a lane: its own, which is free then, or
-- the run's first. Returns what it cancelled or marked: nothing when the run is over (FOR SHARE
-- makes its end wait), and no item that is final or marked, or was handed to another lane just now.
WITH run AS (
    SELECT id FROM runs_run
    WHERE id = %(run_id)s AND status IN ('QUEUED', 'RUNNING', 'PAUSED')
    FOR SHARE
), marked AS (
    UPDATE runs_runitem SET cancel_requested = true
    FROM run
    WHERE runs_runitem.id = ANY(%(item_ids)s::uuid[])
      AND runs_runitem.run_id = run.id
      AND %(under_way)s
      AND runs_runitem.status = 'GENERATING'
      AND NOT runs_runitem.cancel_requested
    RETURNING runs_runitem.id
), wanted AS (
    SELECT item.id, item.lane_id,
           COALESCE(item.lane_id, (
               SELECT id FROM runs_lane WHERE run_id = %(run_id)s ORDER BY index LIMIT 1
           )) AS counting_lane_id
    FROM runs_runitem item JOIN run ON run.id = item.run_id
    WHERE item.id = ANY(%(item_ids)s::uuid[]) AND item.status = 'PENDING'
), lane AS MATERIALIZED (
    SELECT id FROM runs_lane
    WHERE id IN (SELECT counting_lane_id FROM wanted)
    ORDER BY id
    FOR UPDATE
), held AS MATERIALIZED (
    SELECT item.id, item.lane_id, wanted.counting_lane_id
    FROM wanted JOIN runs_runitem item USING (id)
    -- Lanes before items, as everywhere: no deadlock.
    WHERE (SELECT COUNT(*) FROM lane) > 0
      AND item.status = 'PENDING'
      AND item.lane_id IS NOT DISTINCT FROM wanted.lane_id
    ORDER BY item.id
    FOR UPDATE OF item
), cancelled AS (
    UPDATE runs_runitem
    SET status = 'CANCELLED', completed_at = clock_timestamp(), cancel_requested = true,
        -- What is out in a slice is booked when its answer comes, and nothing is made of it.
        in_batch = false
    FROM held
    WHERE runs_runitem.id = held.id
    RETURNING runs_runitem.id, runs_runitem.lane_id, held.counting_lane_id
), counted AS (
    UPDATE runs_lane
    SET cancelled = runs_lane.cancelled + counting.items,
        state = CASE WHEN counting.frees THEN 'idle' ELSE state END,
        wake_at = CASE WHEN NOT counting.frees THEN wake_at END,
        wait_reason = CASE WHEN counting.frees THEN '' ELSE wait_reason END,
        fencing_token = fencing_token + counting.frees::int,
        moved_at = clock_timestamp()
    FROM (
        SELECT counting_lane_id, COUNT(*) AS items, bool_or(lane_id IS NOT NULL) AS frees
        FROM cancelled
        GROUP BY counting_lane_id
    ) AS counting
    WHERE runs_lane.id = counting.counting_lane_id
)
SELECT id FROM marked UNION ALL SELECT id FROM cancelled

-- run_finalize --
-- End a run that has nothing left to do: every item is final, or the run is and has drained. One
-- whose items were all cancelled may never have begun.
-- Of several at the same time one ends it. Lanes are looked at only where no item is left: of a run
-- with thousands each asks as it comes to rest.
WITH over AS MATERIALIZED (
    SELECT id FROM runs_run
    WHERE id = %(run_id)s AND completed_at IS NULL
      AND NOT EXISTS (
          SELECT FROM runs_runitem
          WHERE run_id = %(run_id)s
            AND (status = 'GENERATING' OR (status = 'PENDING' AND NOT runs_run.draining))
            -- Said once more, for the index of these.
            AND status IN ('PENDING', 'GENERATING')
      )
)
UPDATE runs_run
SET status = CASE
        WHEN runs_run.draining THEN runs_run.status
        WHEN total.failed = 0 AND total.cancelled = runs_run.total_items THEN 'CANCELLED'
        WHEN total.failed = 0 THEN 'SUCCEEDED'
        WHEN total.completed + total.skipped = 0 THEN 'FAILED'
        ELSE 'COMPLETED_WITH_ERRORS'
    END,
    error_code = CASE
        WHEN NOT runs_run.draining AND total.failed > 0
             AND total.completed + total.skipped = 0
        THEN CASE WHEN runs_run.type = ANY(%(of_epics)s)
            THEN 'ALL_EPICS_FAILED' ELSE 'ALL_ITEMS_FAILED' END
        ELSE runs_run.error_code
    END,
    error = CASE
        WHEN NOT runs_run.draining AND total.failed > 0
             AND total.completed + total.skipped = 0
        THEN CASE WHEN runs_run.type = ANY(%(of_epics)s)
            THEN 'Every epic failed. The epics say why; retry-failed runs them again.'
            ELSE 'Every item failed. The items say why; retry-failed runs them again.' END
        ELSE runs_run.error
    END,
    draining = false,
    completed_at = clock_timestamp(),
    version = version + 1
FROM over, LATERAL (
    SELECT SUM(completed) AS completed, SUM(failed) AS failed, SUM(skipped) AS skipped,
           SUM(cancelled) AS cancelled, SUM(created) AS created
    FROM runs_lane WHERE run_id = over.id
) AS total
WHERE runs_run.id = %(run_id)s
  AND runs_run.completed_at IS NULL
  AND (
      (
          runs_run.status IN ('QUEUED', 'RUNNING')
          AND NOT EXISTS (
              SELECT FROM runs_runitem
              WHERE run_id = %(run_id)s AND status IN ('PENDING', 'GENERATING')
          )
          -- Items may be added while this waits for the run's row, which says how many by then.
          AND total.completed + total.failed + total.skipped + total.cancelled
              = runs_run.total_items
      ) OR (
          runs_run.draining
          AND NOT EXISTS (
              SELECT FROM runs_runitem WHERE run_id = %(run_id)s AND status = 'GENERATING'
          )
          -- What is out in a slice, and what one has answered.
          AND NOT EXISTS (
              SELECT FROM runs_runitem
              WHERE run_id = %(run_id)s AND in_batch AND batch_id IS NOT NULL
          )
          AND (runs_run.lane = 'realtime' OR NOT EXISTS (
              SELECT FROM runs_runitem
              WHERE run_id = %(run_id)s AND status = 'PENDING' AND lane_id IS NULL
                AND NOT in_batch AND batch_id IS NOT NULL
          ))
          -- Nobody puts the lanes of a run to rest that has ended.
          AND NOT EXISTS (
              SELECT FROM runs_lane
              WHERE run_id = %(run_id)s AND state IN ('sent', 'parked')
          )
      )
  )
RETURNING runs_run.status, total.completed, total.failed, total.skipped, total.created
