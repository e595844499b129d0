-- users_at_work --
-- How many users have runs that can go on; those that no person started are one user's.
SELECT COUNT(DISTINCT COALESCE(created_by_id, 0))::int AS users
FROM runs_run
WHERE completed_at IS NULL AND status IN ('QUEUED', 'RUNNING')

-- log_number --
-- Number the run's committed lines that have no number yet, in the order they were written.
-- The caller holds the run's log lock.
WITH last AS (
    SELECT COALESCE(MAX(seq), 0) AS seq FROM runs_runlog WHERE run_id = %(run_id)s
), fresh AS (
    SELECT id, ROW_NUMBER() OVER (ORDER BY at, id) AS place
    FROM runs_runlog WHERE run_id = %(run_id)s AND seq IS NULL
)
UPDATE runs_runlog SET seq = last.seq + fresh.place
FROM fresh, last
WHERE runs_runlog.id = fresh.id
RETURNING runs_runlog.seq

-- run_lineage --
-- The run, those that it retries, and all retries of those: the oldest first.
WITH RECURSIVE up AS (
    SELECT id, retried_from_id FROM runs_run WHERE id = %(run_id)s
    UNION ALL
    SELECT run.id, run.retried_from_id FROM runs_run run JOIN up ON run.id = up.retried_from_id
), family AS (
    SELECT id FROM up WHERE retried_from_id IS NULL
    UNION ALL
    SELECT run.id FROM runs_run run JOIN family ON run.retried_from_id = family.id
)
SELECT run.id FROM runs_run run JOIN family USING (id) ORDER BY run.created_at, run.id

-- queue_counts --
-- What waits, is generated and was done lately, in the projects of the caller's share. What
-- waits is what the lanes have not counted yet: no look at the items themselves. Of those that
-- ended an index finds the last hour's by a time that stands still during the statement.
WITH open AS (
    SELECT run.id, run.priority, run.status, run.total_items
    FROM runs_run run
    WHERE run.completed_at IS NULL
      AND (%(everything)s OR run.project_id = ANY(%(project_ids)s))
), lanes AS (
    SELECT open.id,
           SUM(lane.completed + lane.failed + lane.skipped + lane.cancelled) AS done,
           COUNT(*) FILTER (WHERE lane.state = 'running') AS running
    FROM open JOIN runs_lane lane ON lane.run_id = open.id
    GROUP BY open.id
), waiting AS (
    SELECT open.priority, SUM(open.total_items - lanes.done - lanes.running) AS items
    FROM open JOIN lanes ON lanes.id = open.id
    WHERE open.status IN ('QUEUED', 'RUNNING', 'PAUSED')
    GROUP BY open.priority
), ended AS (
    SELECT item.status, item.completed_at
    FROM runs_runitem item JOIN runs_run run ON run.id = item.run_id
    WHERE item.completed_at > statement_timestamp() - interval '1 hour'
      AND (%(everything)s OR run.project_id = ANY(%(project_ids)s))
)
SELECT COALESCE((SELECT items FROM waiting WHERE priority = 'HIGH'), 0)::int AS high,
       COALESCE((SELECT items FROM waiting WHERE priority = 'NORMAL'), 0)::int AS normal,
       COALESCE((SELECT items FROM waiting WHERE priority = 'LOW'), 0)::int AS low,
       COALESCE((SELECT SUM(running) FROM lanes), 0)::int AS processing,
       COUNT(*) FILTER (WHERE ended.status = 'COMPLETED')::int AS completed_last_hour,
       COUNT(*) FILTER (WHERE ended.status = 'FAILED')::int AS failed_last_hour,
       COUNT(*) FILTER (
           WHERE ended.status = 'COMPLETED'
             AND ended.completed_at
                 > statement_timestamp() - make_interval(mins => %(minutes)s::int)
       )::int AS recent
FROM ended

-- queue_current --
-- What each worker is doing, and whether it is in the caller's share: of thousands of items those
-- that began first.
WITH running AS (
    SELECT lane.id, lane.worker_id, lane.moved_at AS since,
           (%(everything)s OR run.project_id = ANY(%(project_ids)s)) AS visible
    FROM runs_run run
    JOIN runs_lane lane ON lane.run_id = run.id AND lane.state = 'running'
    WHERE run.completed_at IS NULL
), placed AS (
    SELECT id, worker_id, since, visible,
           ROW_NUMBER() OVER (PARTITION BY worker_id ORDER BY visible DESC, since) AS place
    FROM running
)
SELECT placed.worker_id, item.id AS item_id, item.run_id, item.code, placed.since, placed.visible
FROM placed
JOIN runs_runitem item ON item.lane_id = placed.id AND item.status = 'GENERATING'
WHERE placed.place <= %(most)s
ORDER BY placed.since

-- run_under_way --
-- What the run's lanes are doing, of each worker's those items that began first; with how many the
-- worker has of the run, and how many of the run were brought to an end.
WITH lanes AS MATERIALIZED (
    SELECT id, worker_id, state, moved_at, completed + failed + skipped AS done
    FROM runs_lane WHERE run_id = %(run_id)s
), running AS (
    SELECT id, worker_id, moved_at AS since,
           ROW_NUMBER() OVER (PARTITION BY worker_id ORDER BY moved_at, id) AS place,
           COUNT(*) OVER (PARTITION BY worker_id)::int AS of_worker
    FROM lanes WHERE state = 'running'
)
SELECT running.worker_id, running.of_worker, running.since, item.id AS item_id, item.code,
       item.title, item.stage, item.stage_percent, item.remaining_ms,
       (SELECT SUM(done) FROM lanes)::int AS done
FROM running
JOIN runs_runitem item ON item.lane_id = running.id AND item.status = 'GENERATING'
WHERE running.place <= %(most)s
ORDER BY running.since, item.id

-- run_minutes --
-- How many of the run's items were completed in each minute before the given time, 0 being the last
-- one; minutes without any are left out.
SELECT FLOOR(EXTRACT(EPOCH FROM %(until)s::timestamptz - completed_at) / 60)::int AS minutes_ago,
       COUNT(*)::int AS items
FROM runs_runitem
WHERE run_id = %(run_id)s AND status = 'COMPLETED'
  AND completed_at <= %(until)s::timestamptz
  AND completed_at > %(until)s::timestamptz - make_interval(mins => %(minutes)s::int)
GROUP BY 1

-- items_slow --
-- Items whose attempt goes on for more than twice what 95 of 100 took of late, and for a minute at
-- least, the oldest first; and what that is, in seconds. For the time see queue_counts.
WITH usual AS (
    SELECT EXTRACT(EPOCH FROM percentile_cont(0.95) WITHIN GROUP (
               ORDER BY completed_at - started_at
           ))::float AS seconds
    FROM (
        SELECT started_at, completed_at FROM runs_runitem
        WHERE completed_at > statement_timestamp() - interval '1 hour' AND status = 'COMPLETED'
        ORDER BY completed_at DESC
        LIMIT %(observed)s
    ) AS ended
)
SELECT item.id AS item_id, item.run_id, item.code, item.title, item.stage, item.attempt,
       lane.moved_at AS since, worker.name AS worker, usual.seconds AS usual_s
FROM runs_run run
JOIN runs_lane lane ON lane.run_id = run.id AND lane.state = 'running'
JOIN runs_runitem item ON item.lane_id = lane.id AND item.status = 'GENERATING'
LEFT JOIN runs_worker worker ON worker.id = lane.worker_id
CROSS JOIN usual
WHERE run.completed_at IS NULL
  AND lane.moved_at < clock_timestamp() - make_interval(
      secs => GREATEST(%(least_s)s, 2 * COALESCE(usual.seconds, 0))
  )
ORDER BY lane.moved_at
LIMIT %(most)s
