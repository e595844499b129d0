-- call_next --
-- End one call and begin another of the same attempt (a repair, a larger cap): the first answer
-- is kept for a later attempt, its spend is booked, the second call's intent is written. Says no
-- when the run stands still or the lane belongs to a newer attempt: then no call starts. A second
-- time it changes nothing and says the same.
WITH run AS (
    SELECT id, status FROM runs_run
    WHERE id = (SELECT run_id FROM runs_lane WHERE id = %(lane_id)s) @lets_go@
      -- As runs_call_begins has it, here before any row: who makes a budget waits for call rows.
      AND (SELECT true FROM pg_advisory_xact_lock_shared(7103))
      AND @run_turn@
    FOR SHARE
), lane AS (
    -- After the run, as everywhere: no deadlock.
    SELECT runs_lane.id FROM run, runs_lane
    WHERE runs_lane.id = %(lane_id)s AND fencing_token = %(fencing_token)s AND state = 'running'
    FOR UPDATE OF runs_lane
), ended AS (
    UPDATE runs_providercall
    SET outcome = 'ANSWERED', @call_spent@, response = %(response)s
    FROM lane, run, @spent_given@
    WHERE runs_providercall.id = %(call_id)s AND runs_providercall.outcome = 'STARTED'
    RETURNING spent.*
), counted AS (
    UPDATE runs_lane counter
    SET @usage_added@
    FROM ended spent
    WHERE counter.id = %(lane_id)s
), item AS (
    UPDATE runs_runitem counter
    SET @usage_added@
    FROM ended spent
    WHERE counter.id = %(item_id)s
    RETURNING counter.id, counter.attempt
), begun AS (
    INSERT INTO runs_providercall (@call_columns@)
    SELECT %(next_call_id)s, item.id, item.attempt, %(purpose)s, %(model)s,
           %(held_micro_usd)s::bigint, @call_begun@
    FROM run, (
        SELECT id, attempt FROM item
        UNION ALL
        -- A slice had the answer to the first request: there is no call to end.
        SELECT runs_runitem.id, runs_runitem.attempt FROM lane, runs_runitem
        WHERE runs_runitem.id = %(item_id)s AND %(call_id)s::uuid IS NULL
    ) AS item
    WHERE run.status = 'RUNNING'
    RETURNING id
)
SELECT EXISTS (SELECT FROM begun)
       OR EXISTS (SELECT FROM runs_providercall WHERE id = %(next_call_id)s) AS begun

-- call_book --
-- Book the spend of a call whose item belongs to a newer attempt by now, or is given back with the
-- answer kept for the next one.
WITH lane AS (
    -- Before the item and the call, as everywhere: no deadlock.
    SELECT id FROM runs_lane WHERE id = %(lane_id)s @lets_go@ FOR NO KEY UPDATE
), call AS (
    UPDATE runs_providercall
    SET outcome = 'ANSWERED', @call_spent@, possibly_billed = false, response = %(response)s::jsonb
    FROM lane, @spent_given@
    WHERE runs_providercall.id = %(call_id)s AND runs_providercall.outcome <> 'ANSWERED'
    RETURNING runs_providercall.item_id, spent.*
), item AS (
    UPDATE runs_runitem counter
    SET @usage_added@
    FROM call spent
    WHERE counter.id = spent.item_id
)
UPDATE runs_lane counter
SET @usage_added@
FROM call spent
WHERE counter.id = %(lane_id)s
RETURNING counter.id

-- call_hold --
-- Hold more for a call that has not begun to be made: its prompt turned out to be longer than was
-- thought. Never less; a second time it changes nothing.
UPDATE runs_providercall SET held_micro_usd = %(held_micro_usd)s
WHERE id = %(call_id)s AND outcome = 'STARTED' AND held_micro_usd < %(held_micro_usd)s
RETURNING id

-- lets_go (part) --
-- Who waits for a row that somebody else has, as a person who edits or deletes an item's target,
-- would let others wait for the run and the lane that it holds: it lets go of all, and its process
-- tries again. In what finds the first row, so that it is said before that is held.
AND set_config('lock_timeout', '50ms', true) = '50ms'

-- call_columns (part) --
-- What is written of a call before it begins; `call_begun` has the values from `outcome` on.
id, item_id, attempt, purpose, model, held_micro_usd, outcome, started_at, request_id,
        input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, cost_usd, error_code, possibly_billed

-- call_begun (part) --
-- The intent of a call.
'STARTED', clock_timestamp(), '', 0, 0, 0, 0, 0, '', false

-- spent_given (part) --
-- What the one call took that a statement is given.
(
        SELECT %(request_id)s AS request_id, %(input_tokens)s::bigint AS input_tokens,
               %(output_tokens)s::bigint AS output_tokens,
               %(cache_read_tokens)s::bigint AS cache_read_tokens,
               %(cache_write_tokens)s::bigint AS cache_write_tokens,
               %(cache_write_1h_tokens)s::bigint AS cache_write_1h_tokens,
               %(cost_usd)s::numeric AS cost_usd, %(price_date)s::date AS price_date,
               %(unknown_calls)s::bigint AS unknown_calls,
               %(alike)s AS alike, %(prompt_bytes)s::bigint AS prompt_bytes
    ) AS spent

-- call_spent (part) --
-- A call that has ended, with what it took.
ended_at = clock_timestamp(), request_id = spent.request_id, input_tokens = spent.input_tokens,
        output_tokens = spent.output_tokens, cache_read_tokens = spent.cache_read_tokens,
        cache_write_tokens = spent.cache_write_tokens,
        cache_write_1h_tokens = spent.cache_write_1h_tokens, cost_usd = spent.cost_usd,
        price_date = spent.price_date, alike = spent.alike, prompt_bytes = spent.prompt_bytes

-- usage_added (part) --
-- What a call took, added to what an item or a lane counts.
input_tokens = counter.input_tokens + COALESCE(spent.input_tokens, 0),
        output_tokens = counter.output_tokens + COALESCE(spent.output_tokens, 0),
        cache_read_tokens = counter.cache_read_tokens + COALESCE(spent.cache_read_tokens, 0),
        cache_write_tokens = counter.cache_write_tokens + COALESCE(spent.cache_write_tokens, 0),
        cost_usd = counter.cost_usd + COALESCE(spent.cost_usd, 0),
        unknown_calls = counter.unknown_calls + spent.unknown_calls
