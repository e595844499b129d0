-- lane_claim --
-- Claim lanes' items for one attempt each: a lane goes sent -> running, its item
-- PENDING -> GENERATING, the intent of a call is written where there is to be one. Returns all that
-- an attempt needs, with what the item's kind loads as `input`, which is null when the target is
-- gone; no row where the message is late or doubled, or the run stands still or has fewer lanes by
-- now. FOR SHARE makes a pause or a cancel wait for claims under way, so that its count of calls in
-- flight is exact. An item that is known by its id is not asked for by `status =`, here as in all
-- that follows it: a plan that was made while few were open would read the index of those.
WITH @given@, asked AS (
    SELECT mine.*, run.*
    FROM (
        SELECT given.*, (SELECT run_id FROM runs_lane WHERE id = given.lane_id) AS run_id
        FROM given @by_run@
    ) AS mine, LATERAL (
        SELECT status AS run_status, options, model, max_tokens, delay_ms, max_retries,
               retry_wait_ms, max_concurrency, prompt_set_id, draining
        FROM runs_run
        WHERE id = mine.run_id @lets_go@ AND @run_turn@
        FOR SHARE
    ) AS run
), lane AS (
    UPDATE runs_lane
    SET state = 'running', worker_id = %(worker_id)s, moved_at = clock_timestamp(),
        claimed_at = clock_timestamp(), draining = asked.draining
    FROM (SELECT * FROM asked @by_lane@) AS asked
    WHERE runs_lane.id = asked.lane_id AND runs_lane.id = @lane_ids@
      AND runs_lane.fencing_token = asked.fencing_token
      AND runs_lane.state = 'sent'
      AND runs_lane.index < asked.max_concurrency
      AND EXISTS (
          SELECT FROM runs_runitem
          WHERE id = asked.item_id AND lane_id = asked.lane_id
            AND status IS NOT DISTINCT FROM 'PENDING'
            AND (
                asked.run_status IN ('QUEUED', 'RUNNING')
                -- What a slice has answered is finished, as what was under way.
                OR (asked.draining AND batch_id IS NOT NULL)
            )
          OFFSET 0
      )
    RETURNING runs_lane.rate_limit_streak, asked.*
), claimed AS (
    UPDATE runs_runitem
    SET @item_begun@
    FROM (SELECT * FROM lane @by_item@) AS lane
    WHERE runs_runitem.id = lane.item_id AND runs_runitem.id = @item_ids@
      AND runs_runitem.status IS NOT DISTINCT FROM 'PENDING'
    RETURNING @item_claimed@, lane.*
), @claim_told@, @load_sql@
SELECT claimed.place, claimed.run_id, claimed.run_status, claimed.options, claimed.model,
       claimed.max_tokens, claimed.delay_ms, claimed.max_retries, claimed.retry_wait_ms,
       claimed.prompt_set_id, claimed.rate_limit_streak, claimed.attempt, claimed.target_id,
       claimed.code, loaded.input, @kept_answers@ AS responses
FROM claimed
LEFT JOIN @kind@_loaded loaded USING (item_id)

-- item_begun (part) --
-- An attempt at an item begins.
status = 'GENERATING', attempt = attempt + 1,
        stage = %(stage)s, stage_percent = 0, remaining_ms = NULL,
        stage_ms = '{}', skipped_stages = '[]', notes = '[]',
        started_at = COALESCE(started_at, clock_timestamp())

-- item_claimed (part) --
-- What its attempt, and what follows it here, needs of the item.
runs_runitem.target_id, runs_runitem.code, runs_runitem.attempt,
              runs_runitem.output_tokens, runs_runitem.unknown_calls

-- claim_told (part) --
-- The intent of the first call, where there is to be one, and the log's line.
intent AS (
    INSERT INTO runs_providercall (@call_columns@)
    SELECT call_id, item_id, attempt, 'generate', model, held_micro_usd, @call_begun@
    FROM claimed
    WHERE call_id IS NOT NULL
), started AS (
    INSERT INTO runs_runlog (run_id, at, level, item_code, message)
    SELECT run_id, clock_timestamp(), 'info', code,
           '[' || code || '] ' || %(started_message)s
               || CASE WHEN attempt > 1 THEN ', attempt ' || attempt ELSE '' END
    FROM claimed
)

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
-- Let lanes whose message has come wait for their turn outside of the worker: sent -> parked.
-- No row where the message is late or doubled.
WITH @given@
UPDATE runs_lane
SET state = 'parked', wake_at = clock_timestamp() + make_interval(secs => given.wait_s),
    wait_reason = given.reason, fencing_token = runs_lane.fencing_token + 1,
    moved_at = clock_timestamp()
FROM given
WHERE runs_lane.id = given.lane_id AND runs_lane.id = @lane_ids@
  AND runs_lane.fencing_token = given.fencing_token
  AND runs_lane.state = 'sent'
RETURNING given.place
