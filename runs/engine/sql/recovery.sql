-- lanes_reclaim --
-- Take items back from lanes whose worker is gone: its lease ran out, it said goodbye, or it is
-- silent and was started anew under its name; or from lanes that the worker itself no longer
-- knows. The item is PENDING again, or FAILED when it took too many workers with it. Its call may
-- have been billed.
WITH @lanes_gone@, fate AS (
    -- What somebody has, as who deletes its target, is left to the next round, with its lane:
    -- nobody's recovery waits for a person.
    SELECT item.id, gone.id AS lane_id, gone.run_id, gone.draining,
           item.crashes + (NOT gone.orphan)::int AS crashes,
           CASE
               WHEN item.cancel_requested THEN 'CANCELLED'
               WHEN item.crashes + (NOT gone.orphan)::int >= %(max_crashes)s THEN 'FAILED'
               ELSE 'PENDING'
           END AS status
    FROM gone JOIN runs_runitem item ON item.lane_id = gone.id AND item.status = 'GENERATING'
    ORDER BY item.id
    FOR UPDATE OF item SKIP LOCKED
), freed AS (
    SELECT gone.*
    FROM gone
    WHERE gone.id IN (SELECT lane_id FROM fate)
       OR NOT EXISTS (
           SELECT FROM runs_runitem WHERE lane_id = gone.id AND status = 'GENERATING'
       )
), back AS (
    UPDATE runs_runitem
    SET status = fate.status, crashes = fate.crashes, stage = '', lane_id = NULL,
        batch_id = CASE WHEN NOT fate.draining THEN batch_id END,
        completed_at = CASE WHEN fate.status <> 'PENDING' THEN clock_timestamp() END,
        error_code = CASE WHEN fate.status = 'FAILED' THEN 'POISON' ELSE '' END,
        error = CASE WHEN fate.status = 'FAILED' THEN %(poison_message)s ELSE '' END
    FROM fate
    WHERE runs_runitem.id = fate.id AND runs_runitem.status = 'GENERATING'
    RETURNING runs_runitem.id, runs_runitem.kind, runs_runitem.target_id, runs_runitem.code,
              runs_runitem.status, fate.lane_id, fate.run_id
), closed AS (
    -- Their runs are over but for them.
    DELETE FROM runs_opentarget open USING back, gone
    WHERE back.lane_id = gone.id AND gone.draining
      AND (open.kind, open.target_id, open.run_id) = (back.kind, back.target_id, back.run_id)
), begun AS MATERIALIZED (
    SELECT call.id
    FROM back JOIN runs_providercall call ON call.item_id = back.id
    WHERE call.outcome = 'STARTED'
      -- What a slice has of it still, which it did not wait for, ends with the slice.
      AND call.batch_id IS NULL
    ORDER BY call.id
    FOR NO KEY UPDATE OF call
), call AS (
    UPDATE runs_providercall
    SET outcome = 'LOST', ended_at = clock_timestamp(), error_code = 'WORKER_LOST',
        possibly_billed = true
    WHERE id = ANY(ARRAY(SELECT id FROM begun))
), line AS (
    INSERT INTO runs_runlog (run_id, at, level, item_code, message)
    SELECT back.run_id, clock_timestamp(),
           CASE WHEN back.status = 'FAILED' THEN 'error' ELSE 'warning' END, back.code,
           CASE WHEN back.status = 'FAILED' THEN %(poison_message)s ELSE %(lost_message)s END
    FROM back
)
UPDATE runs_lane
SET state = 'idle', fencing_token = runs_lane.fencing_token + 1, worker_id = NULL,
    moved_at = clock_timestamp(),
    failed = runs_lane.failed + (COALESCE(back.status, '') = 'FAILED')::int,
    cancelled = runs_lane.cancelled + (COALESCE(back.status, '') = 'CANCELLED')::int
FROM freed AS gone LEFT JOIN back ON back.lane_id = gone.id
WHERE runs_lane.id = gone.id
RETURNING runs_lane.run_id, back.code, back.status, gone.provider, gone.model,
          CASE WHEN NOT gone.orphan THEN gone.worker_id END AS dead_worker_id

-- lanes_gone (part) --
-- Lanes whose worker is gone, or does not run them.
gone AS (
    SELECT lane.id, lane.run_id, lane.fencing_token, lane.draining, run.status AS run_status,
           lane.worker_id, run.provider, run.model,
           lane.id || '.' || lane.fencing_token = ANY(%(orphans)s) AS orphan
    FROM runs_run run
    JOIN runs_lane lane ON lane.run_id = run.id
    LEFT JOIN runs_worker worker ON worker.id = lane.worker_id
    WHERE run.completed_at IS NULL
      AND lane.state = 'running'
      AND (
          lane.id || '.' || lane.fencing_token = ANY(%(orphans)s)
          OR worker.id IS NULL
          OR worker.stopped_at IS NOT NULL
          OR (
              %(judge)s AND worker.lease_until < clock_timestamp()
              -- Nobody could renew a lease while this server was away.
              AND pg_postmaster_start_time()
                  < clock_timestamp() - make_interval(secs => %(lease_s)s)
          )
          OR (
              worker.heartbeat_at < clock_timestamp() - make_interval(secs => %(silent_s)s)
              AND EXISTS (
                  SELECT FROM runs_worker newer
                  WHERE newer.name = worker.name AND newer.started_at > worker.started_at
              )
          )
      )
    ORDER BY lane.id
    FOR UPDATE OF lane SKIP LOCKED
)

-- runs_to_tend --
-- Open runs with something for the reconciler: lanes to send, to put to rest, or an end to make.
-- Looks at each lane once, and with IN at each item that a lane carries: an EXISTS for each lane may
-- read all items each time, where PostgreSQL planned it while there were none.
SELECT run.id,
       going_on AND lanes.sent < %(most_sent)s AND (
           lanes.due OR (
               lanes.idle AND EXISTS (
                   SELECT FROM runs_runitem item
                   WHERE item.run_id = run.id AND item.status = 'PENDING'
                     AND item.lane_id IS NULL AND NOT item.in_batch
                     AND (active OR item.batch_id IS NOT NULL)
               )
           )
       ) AS dispatch,
       lanes.rest,
       run.draining OR (
           active AND NOT lanes.busy AND NOT EXISTS (
               -- Nobody ends a run whose slices are out.
               SELECT FROM runs_runitem item
               WHERE item.run_id = run.id AND item.in_batch
           )
       ) AS finalize
FROM runs_run run
CROSS JOIN LATERAL (SELECT run.status IN ('QUEUED', 'RUNNING') AS active) AS status
-- What slices answered of a run that is over is finished.
CROSS JOIN LATERAL (
    SELECT active OR (run.draining AND run.lane <> 'realtime') AS going_on
) AS standing
CROSS JOIN LATERAL (
    SELECT COUNT(*) FILTER (WHERE lane.state = 'sent') AS sent,
           COALESCE(bool_or(lane.state <> 'idle'), false) AS busy,
           COALESCE(bool_or(lane.state = 'idle' AND within), false) AS idle,
           COALESCE(bool_or(
               within AND (
                   (lane.state = 'parked' AND lane.wake_at <= clock_timestamp())
                   OR (lane.state = 'idle' AND carries)
               )
           ), false) AS due,
           COALESCE(bool_or(
               (
                   NOT active AND lane.state IN ('sent', 'parked')
                   AND NOT (going_on AND lane.id IN (
                       SELECT lane_id FROM runs_runitem
                       WHERE lane_id IS NOT NULL AND status = 'PENDING' AND batch_id IS NOT NULL
                   ))
               )
               OR (NOT within AND lane.state <> 'running' AND carries)
           ), false) AS rest
    FROM runs_lane lane
    CROSS JOIN LATERAL (SELECT lane.index < run.max_concurrency AS within) AS place
    CROSS JOIN LATERAL (
        SELECT (lane.state = 'idle' OR (NOT within AND lane.state <> 'running')) AND lane.id IN (
            SELECT lane_id FROM runs_runitem WHERE lane_id IS NOT NULL AND status = 'PENDING'
        ) AS carries
    ) AS item
    WHERE lane.run_id = run.id
) AS lanes
WHERE run.completed_at IS NULL

-- lanes_sent --
-- Lanes whose message was sent a while ago and was not claimed.
SELECT lane.id AS lane_id, lane.run_id, lane.fencing_token
FROM runs_run run JOIN runs_lane lane ON lane.run_id = run.id
WHERE run.completed_at IS NULL
  AND lane.state = 'sent'
  AND lane.moved_at < clock_timestamp() - make_interval(secs => %(older_than_s)s)

-- workers_forget --
-- Workers that are gone for so long. A lane that one of them still had is nobody's: lanes_gone.
DELETE FROM runs_worker
WHERE lease_until < clock_timestamp() - make_interval(secs => %(kept_s)s)
RETURNING id

-- worker_beat --
-- Renew a worker's lease, write down how far its attempts are where that changed, and tell it
-- which lanes it runs as PostgreSQL sees it, and for how long.
WITH beat AS (
    UPDATE runs_worker
    SET heartbeat_at = clock_timestamp(), stopped_at = NULL,
        lease_until = clock_timestamp() + make_interval(secs => %(lease_s)s),
        clock_ahead_s = %(clock_ahead_s)s
    WHERE id = %(worker_id)s
), told AS (
    SELECT * FROM jsonb_to_recordset(%(reached)s) AS reached (
        item_id uuid, lane_id bigint, fencing_token int, stage text, stage_percent int,
        remaining_ms int, stage_ms jsonb, skipped_stages jsonb, notes jsonb
    )
), held AS (
    -- Who has one is ending it: nothing to wait for.
    SELECT told.*
    FROM told
    JOIN runs_lane lane ON lane.id = told.lane_id AND lane.fencing_token = told.fencing_token
    JOIN runs_runitem item
        ON item.id = told.item_id AND item.lane_id = told.lane_id AND item.status = 'GENERATING'
    ORDER BY item.id
    FOR NO KEY UPDATE OF item SKIP LOCKED
), staged AS (
    UPDATE runs_runitem
    SET stage = held.stage, stage_percent = held.stage_percent, remaining_ms = held.remaining_ms,
        stage_ms = held.stage_ms, skipped_stages = held.skipped_stages, notes = held.notes
    FROM held
    WHERE runs_runitem.id = ANY(ARRAY(SELECT item_id FROM held))
      AND runs_runitem.id = held.item_id
)
SELECT lane.id AS lane_id, lane.fencing_token,
       EXTRACT(EPOCH FROM clock_timestamp() - lane.moved_at)::float AS age_s,
       lane.id IN (
           SELECT lane_id FROM runs_runitem WHERE status = 'GENERATING' AND cancel_requested
       ) AS cancel
FROM runs_run run JOIN runs_lane lane ON lane.run_id = run.id
WHERE run.completed_at IS NULL AND lane.state = 'running' AND lane.worker_id = %(worker_id)s
