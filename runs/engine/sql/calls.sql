-- call_next --
-- End one call and begin another of the same attempt (a repair, a larger cap): the first answer
-- is kept for a later attempt, its spend is booked, the second call's intent is written. Says no
-- when the run stands still or the lane belongs to a newer attempt: then no call starts. A second
-- time it changes nothing and says the same.
WITH run AS (
    SELECT id, status FROM runs_run
    WHERE id = (SELECT run_id FROM runs_lane WHERE id = %(lane_id)s)
    FOR SHARE
), lane AS (
    SELECT id FROM runs_lane
    WHERE id = %(lane_id)s AND fencing_token = %(fencing_token)s AND state = 'running'
    FOR UPDATE
), ended AS (
    UPDATE runs_providercall
    SET @call_answered@, response = %(response)s
    FROM lane, run
    WHERE runs_providercall.id = %(call_id)s AND runs_providercall.outcome = 'STARTED'
    RETURNING runs_providercall.id
), counted AS (
    UPDATE runs_lane
    SET @usage_added@
    FROM ended
    WHERE runs_lane.id = %(lane_id)s
), item AS (
    UPDATE runs_runitem
    SET @usage_added@
    FROM ended
    WHERE runs_runitem.id = %(item_id)s
    RETURNING runs_runitem.id, runs_runitem.attempt
), begun AS (
    INSERT INTO runs_providercall (@call_columns@)
    SELECT %(next_call_id)s, item.id, item.attempt, %(purpose)s, %(model)s, @call_begun@
    FROM item, run
    WHERE run.status = 'RUNNING'
    RETURNING id
)
SELECT EXISTS (SELECT FROM begun)
       OR EXISTS (SELECT FROM runs_providercall WHERE id = %(next_call_id)s) AS begun

-- call_book --
-- Book the spend of a call whose item belongs to a newer attempt by now, or is given back with the
-- answer kept for the next one.
WITH call AS (
    UPDATE runs_providercall
    SET @call_answered@, possibly_billed = false, response = %(response)s::jsonb
    WHERE id = %(call_id)s AND outcome <> 'ANSWERED'
    RETURNING item_id
), item AS (
    UPDATE runs_runitem
    SET @usage_added@
    FROM call
    WHERE runs_runitem.id = call.item_id
)
UPDATE runs_lane
SET @usage_added@
FROM call
WHERE runs_lane.id = %(lane_id)s
RETURNING runs_lane.id

-- call_columns (part) --
-- What is written of a call before it begins; `call_begun` has the values from `outcome` on.
id, item_id, attempt, purpose, model, outcome, started_at, request_id, input_tokens,
        output_tokens, cache_read_tokens, cache_write_tokens, cost_usd, error_code, possibly_billed

-- call_begun (part) --
-- The intent of a call.
'STARTED', clock_timestamp(), '', 0, 0, 0, 0, 0, '', false

-- call_answered (part) --
-- An answered call with what it took.
outcome = 'ANSWERED', ended_at = clock_timestamp(), request_id = %(request_id)s,
        input_tokens = %(input_tokens)s, output_tokens = %(output_tokens)s,
        cache_read_tokens = %(cache_read_tokens)s, cache_write_tokens = %(cache_write_tokens)s,
        cost_usd = %(cost_usd)s

-- usage_added (part) --
-- What a call took, added to what an item or a lane counts.
input_tokens = input_tokens + COALESCE(%(input_tokens)s, 0),
        output_tokens = output_tokens + COALESCE(%(output_tokens)s, 0),
        cache_read_tokens = cache_read_tokens + COALESCE(%(cache_read_tokens)s, 0),
        cache_write_tokens = cache_write_tokens + COALESCE(%(cache_write_tokens)s, 0),
        cost_usd = cost_usd + COALESCE(%(cost_usd)s, 0),
        unknown_calls = unknown_calls + %(unknown_calls)s
