-- lanes_traffic --
-- What the number of lanes of each run that is to adapt it depends on. `offered`: how many calls of
-- the run its workers have room for, beside those of others; at least its share. `allowed`: lanes
-- that its starter may have in it. `told`: how many its trail says that it has.
SELECT run.id AS run_id, run.max_concurrency AS lanes, run.total_items - work.done - work.cancelled - CASE
           WHEN run.lane = 'realtime' THEN 0
           -- No lane takes them.
           ELSE (SELECT COUNT(*) FROM runs_runitem WHERE run_id = run.id AND in_batch)
       END AS left,
       work.running, work.begun, work.held, work.closed, work.done,
       GREATEST(
           work.running + fleet.slots - busy.running, fleet.slots / GREATEST(1, busy.runs)
       )::int AS offered,
       CASE WHEN run.created_by_id IS NOT NULL
           THEN (work.there + GREATEST(0, %(most_of_user)s::bigint - users.lanes))::int
       END AS allowed,
       EXTRACT(EPOCH FROM clock_timestamp() - run.lanes_adapted_at)::float AS adapted_s,
       COALESCE((
           SELECT (details ->> 'max_concurrency')::int FROM runs_runaction
           WHERE run_id = run.id AND jsonb_exists(details, 'max_concurrency')
           ORDER BY id DESC LIMIT 1
       ), run.max_concurrency) AS told
FROM runs_run run
CROSS JOIN (
    SELECT COALESCE(SUM(concurrency), 0) AS slots FROM runs_worker
    WHERE stopped_at IS NULL AND lease_until > clock_timestamp()
) AS fleet
CROSS JOIN (
    SELECT COUNT(DISTINCT run.id) FILTER (WHERE run.status IN ('QUEUED', 'RUNNING')) AS runs,
           COUNT(*) FILTER (WHERE lane.state = 'running') AS running
    FROM runs_run run JOIN runs_lane lane ON lane.run_id = run.id
    WHERE run.completed_at IS NULL
) AS busy
CROSS JOIN LATERAL (
    SELECT COUNT(*)::int AS there,
           COUNT(*) FILTER (WHERE state = 'running')::int AS running,
           COUNT(*) FILTER (
               WHERE state = 'running' AND moved_at > clock_timestamp() - interval '1 s'
           )::int AS begun,
           COUNT(*) FILTER (
               WHERE state = 'parked' AND wait_reason IN ('backoff', 'rate-limit', 'pacing')
           )::int AS held,
           bool_or(state = 'parked' AND wait_reason = 'gate-closed') AS closed,
           SUM(completed + failed + skipped)::int AS done, SUM(cancelled)::int AS cancelled
    FROM runs_lane WHERE run_id = run.id
) AS work
CROSS JOIN LATERAL (
    SELECT COUNT(*) AS lanes
    FROM runs_run theirs JOIN runs_lane lane ON lane.run_id = theirs.id
    WHERE theirs.completed_at IS NULL AND theirs.created_by_id = run.created_by_id
) AS users
WHERE run.completed_at IS NULL AND run.status = 'RUNNING' AND run.adaptive_lanes
  AND fleet.slots > 0

-- lanes_adapt --
-- Set the number of a run's lanes, and make those that it lacks. Nothing where somebody else
-- changed it meanwhile, a person above all, or where the run stands still. Who holds its row for
-- longer than a moment is not waited for: the next look comes soon.
WITH patience AS MATERIALIZED (
    SELECT set_config('lock_timeout', '100ms', true)
), run AS (
    UPDATE runs_run SET max_concurrency = %(lanes)s, lanes_adapted_at = clock_timestamp()
    FROM patience
    WHERE id = %(run_id)s AND adaptive_lanes AND status = 'RUNNING'
      AND max_concurrency = %(before)s
    RETURNING id
), made AS (
    INSERT INTO runs_lane (@lane_columns@)
    SELECT run.id, index, @lane_begins@
    FROM run, generate_series(%(before)s::int, %(lanes)s::int - 1) AS index
    ON CONFLICT (run_id, index) DO NOTHING
)
SELECT id FROM run

-- lanes_told --
-- Say in a run's trail and log how many lanes it has by now; the trail's is what an estimate of
-- the time that is left goes by.
WITH action AS (
    INSERT INTO runs_runaction (run_id, kind, actor, at, details)
    SELECT id, 'change', %(actor)s, clock_timestamp(), %(details)s::jsonb
    FROM runs_run WHERE id = %(run_id)s AND adaptive_lanes AND max_concurrency = %(lanes)s
    RETURNING run_id
)
INSERT INTO runs_runlog (run_id, at, level, item_code, message)
SELECT run_id, clock_timestamp(), 'info', '', %(message)s FROM action
RETURNING run_id
