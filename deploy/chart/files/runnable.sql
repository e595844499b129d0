-- How many items can be worked on now: each lane that is sent or running has one. A lane that waits
-- for the provider's rate, a closed gate or a budget is parked; one without an item is idle.
SELECT count(*)
FROM runs_lane lane
JOIN runs_run run ON run.id = lane.run_id
WHERE run.status IN ('QUEUED', 'RUNNING') AND lane.state IN ('sent', 'running')
