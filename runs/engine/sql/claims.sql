-- lane_claim --
-- Claim a lane's item for one attempt: the lane goes sent -> running, the item
-- PENDING -> GENERATING, the intent of a call is written where there is to be one. Returns all that
-- the attempt needs, with what the item's kind loads as `input`, which is null when the target is
-- gone; nothing when the message is late or doubled, or the run stands still or has fewer lanes by now.
-- FOR SHARE makes a pause or a cancel wait for claims under way, so that its count of calls in
-- flight is exact.
WITH run AS (
    SELECT id, status, model, max_tokens, options, delay_ms, max_retries, retry_wait_ms,
           max_concurrency, prompt_set_id
    FROM runs_run
    WHERE id = (SELECT run_id FROM runs_lane WHERE id = %(lane_id)s)
    FOR SHARE
), lane AS (
    UPDATE runs_lane
    SET state = 'running', worker_id = %(worker_id)s, moved_at = clock_timestamp()
    FROM run
    WHERE runs_lane.id = %(lane_id)s
      AND runs_lane.fencing_token = %(fencing_token)s
      AND runs_lane.state = 'sent'
      AND runs_lane.index < run.max_concurrency
      AND run.status IN ('QUEUED', 'RUNNING')
      AND EXISTS (
          SELECT FROM runs_runitem
          WHERE id = %(item_id)s AND lane_id = %(lane_id)s AND status = 'PENDING'
      )
    RETURNING runs_lane.id, runs_lane.rate_limit_streak
), claimed AS (
    UPDATE runs_runitem
    SET status = 'GENERATING', attempt = attempt + 1,
        stage = %(stage)s, stage_percent = 0, remaining_ms = NULL,
        stage_ms = '{}', skipped_stages = '[]', notes = '[]',
        started_at = COALESCE(started_at, clock_timestamp())
    FROM lane, run
    WHERE runs_runitem.id = %(item_id)s AND runs_runitem.status = 'PENDING'
    RETURNING runs_runitem.id AS item_id, runs_runitem.target_id, runs_runitem.run_id, run.options,
              runs_runitem.code, runs_runitem.attempt, runs_runitem.output_tokens,
              runs_runitem.unknown_calls
), call AS (
    INSERT INTO runs_providercall (@call_columns@)
    SELECT %(call_id)s::uuid, claimed.item_id, claimed.attempt, 'generate', run.model, @call_begun@
    FROM claimed, run
    WHERE %(call_id)s::uuid IS NOT NULL
), line AS (
    INSERT INTO runs_runlog (run_id, at, level, item_code, message)
    SELECT run.id, clock_timestamp(), 'info', claimed.code,
           '[' || claimed.code || '] ' || %(started_message)s
               || CASE WHEN claimed.attempt > 1 THEN ', attempt ' || claimed.attempt ELSE '' END
    FROM claimed, run
), @load_sql@
SELECT run.id AS run_id, run.status AS run_status, run.options, run.model, run.max_tokens,
       run.delay_ms, run.max_retries, run.retry_wait_ms, run.prompt_set_id,
       lane.rate_limit_streak, claimed.attempt, claimed.target_id, claimed.code, loaded.input,
       @kept_answers@ AS responses
FROM claimed
CROSS JOIN run
CROSS JOIN lane
LEFT JOIN @kind@_loaded loaded USING (item_id)

-- kept_answers (part) --
-- Answers that were paid for and did not finish the item. A call made before requests had keys
-- says its purpose.
CASE WHEN claimed.output_tokens > 0 OR claimed.unknown_calls > 0 THEN (
           SELECT jsonb_agg(
               jsonb_build_object('key', answered.purpose) || answered.response
               ORDER BY answered.started_at
           )
           FROM runs_providercall answered
           WHERE answered.item_id = claimed.item_id AND answered.response IS NOT NULL
       ) END

-- lane_park --
-- Let a lane whose message has come wait for its turn outside of the worker: sent -> parked.
-- Nothing when the message is late or doubled.
UPDATE runs_lane
SET state = 'parked', wake_at = clock_timestamp() + make_interval(secs => %(wait_s)s),
    wait_reason = %(reason)s, fencing_token = fencing_token + 1, moved_at = clock_timestamp()
WHERE id = %(lane_id)s AND fencing_token = %(fencing_token)s AND state = 'sent'
RETURNING id
