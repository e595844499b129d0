-- live_probe --
-- Which of the runs may have changed: rows whose last writer had not ended, or not begun, when
-- their cursor was taken. Looks at no more than a run has lanes: an epic that changes is in the
-- hands of a lane, and every other change writes its lane, its run or a line.
WITH asked AS (
    SELECT * FROM unnest(%(run_ids)s::uuid[], %(horizons)s::bigint[], %(seqs)s::bigint[])
        AS asked (run_id, horizon, seq)
), row AS (
    SELECT run.id AS run_id, 'run' AS key, run.xmin::text::bigint AS version, asked.horizon
    FROM asked JOIN runs_run run ON run.id = asked.run_id
    UNION ALL
    SELECT lane.run_id, 'lane ' || lane.id, lane.xmin::text::bigint, asked.horizon
    FROM asked JOIN runs_lane lane ON lane.run_id = asked.run_id
    UNION ALL
    SELECT lane.run_id, 'epic ' || epic.id, epic.xmin::text::bigint, asked.horizon
    FROM asked JOIN runs_lane lane ON lane.run_id = asked.run_id
    JOIN runs_runepic epic ON epic.lane_id = lane.id AND epic.status IN ('PENDING', 'GENERATING')
)
SELECT run_id, key, version FROM row
WHERE ((version - horizon) & 4294967295) < 2147483648
UNION ALL
SELECT run_id, 'line', 0 FROM asked
WHERE EXISTS (SELECT FROM runs_runlog WHERE run_id = asked.run_id AND seq IS NULL)
   OR EXISTS (SELECT FROM runs_runlog WHERE run_id = asked.run_id AND seq > asked.seq)
UNION ALL
SELECT run_id, 'gone', 0 FROM asked
WHERE NOT EXISTS (SELECT FROM runs_run WHERE id = asked.run_id)

-- live_changed --
-- The run's rows whose writers are not older than the given horizon, with their versions; and the
-- epic of a lane that carries it while it waits. One row more, `horizon`, has this snapshot's: the
-- oldest transaction that may still be open. What it, a later one or a part of these wrote may
-- appear after this.
WITH now AS (
    SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS horizon
), row AS (
    SELECT 'run' AS key, xmin::text::bigint AS version, NULL::uuid AS epic_id
    FROM runs_run WHERE id = %(run_id)s
    UNION ALL
    SELECT 'lane ' || lane.id, lane.xmin::text::bigint, waiting.id
    FROM runs_lane lane
    LEFT JOIN runs_runepic waiting ON waiting.lane_id = lane.id AND waiting.status = 'PENDING'
    WHERE lane.run_id = %(run_id)s
    UNION ALL
    SELECT 'epic ' || id, xmin::text::bigint, id FROM runs_runepic WHERE run_id = %(run_id)s
)
SELECT key, version, epic_id FROM row, now
WHERE ((version - COALESCE(%(horizon)s, now.horizon)) & 4294967295) < 2147483648
UNION ALL
SELECT 'horizon', now.horizon, NULL FROM now
