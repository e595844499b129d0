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
    SELECT lane.run_id, 'item ' || item.id, item.xmin::text::bigint, asked.horizon
    FROM asked JOIN runs_lane lane ON lane.run_id = asked.run_id
    JOIN runs_runitem item ON item.lane_id = lane.id AND item.status IN ('PENDING', 'GENERATING')
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
    SELECT 'run' AS key, xmin::text::bigint AS version, NULL::uuid AS item_id
    FROM runs_run WHERE id = %(run_id)s
    UNION ALL
    SELECT 'lane ' || lane.id, lane.xmin::text::bigint, waiting.id
    FROM runs_lane lane
    LEFT JOIN runs_runitem waiting ON waiting.lane_id = lane.id AND waiting.status = 'PENDING'
    WHERE lane.run_id = %(run_id)s
    UNION ALL
    SELECT 'item ' || id, xmin::text::bigint, id FROM runs_runitem WHERE run_id = %(run_id)s
)
SELECT key, version, item_id FROM row, now
WHERE ((version - COALESCE(%(horizon)s, now.horizon)) & 4294967295) < 2147483648
UNION ALL
SELECT 'horizon', now.horizon, NULL FROM now

-- live_held --
-- Which of these rights, by their places in the lists, are as they were: the user is there and
-- active and has that password, the tokens' family or the session has not ended, and the role in the run's project, which
-- staff need not have (as in epics/access.py), lets the user do as much as it did.
SELECT asked.place
FROM unnest(
    %(places)s::bigint[], %(user_ids)s::bigint[], %(passwords)s::text[], %(families)s::uuid[],
    %(session_keys)s::text[], %(run_ids)s::uuid[], %(may_control)s::boolean[]
) AS asked (place, user_id, password, family, session_key, run_id, may_control)
JOIN auth_user ON auth_user.id = asked.user_id
JOIN runs_run run ON run.id = asked.run_id
LEFT JOIN epics_membership member
    ON member.project_id = run.project_id AND member.user_id = asked.user_id
    AND NOT member.invited
WHERE auth_user.is_active
  AND auth_user.password = asked.password
  AND (auth_user.is_staff OR member.role <> 'viewer') = asked.may_control
  AND NOT EXISTS (
    SELECT FROM batchgen_endedfamily WHERE family = asked.family
  )
  AND (asked.session_key IS NULL OR EXISTS (
      SELECT FROM django_session
      WHERE session_key = asked.session_key AND expire_date > clock_timestamp()
  ))
