-- batch_work --
-- Whose batches there is something to do about: providers with slices that are out, or with items
-- that wait for one.
SELECT provider FROM runs_providerbatch WHERE state = ANY(%(out)s)
UNION
SELECT run.provider
FROM runs_run run
WHERE run.completed_at IS NULL AND run.lane <> 'realtime' AND run.status IN ('QUEUED', 'RUNNING')
  AND EXISTS (
      SELECT FROM runs_runitem WHERE run_id = run.id AND in_batch AND batch_id IS NULL
  )

-- batches_out --
-- A provider's slices that may still bring answers, the oldest first. Of a run that was deleted
-- there is no more than the slice.
SELECT batch.id, batch.run_id, batch.state, batch.provider_batch_id, batch.expected, batch.reads,
       batch.results_url, batch.created_at, batch.expires_at, batch.not_ours, batch.primer,
       batch.cancel_at IS NOT NULL AS cancel, batch.spilled,
       EXTRACT(EPOCH FROM clock_timestamp() - batch.intent_at)::float AS age_s,
       EXTRACT(EPOCH FROM clock_timestamp() - batch.polled_at)::float AS polled_s,
       EXTRACT(EPOCH FROM clock_timestamp() - batch.cancel_at)::float AS cancel_s,
       EXTRACT(EPOCH FROM clock_timestamp() - batch.missing_since)::float AS missing_s,
       EXTRACT(EPOCH FROM clock_timestamp() - batch.expires_at)::float AS overdue_s,
       batch.intent_at, run.model, run.lane,
       COALESCE(run.status IN ('QUEUED', 'RUNNING', 'PAUSED'), false) AS run_active,
       EXISTS (
           SELECT FROM runs_runitem
           WHERE run_id = batch.run_id AND in_batch AND batch_id = batch.id
       ) AS awaited
FROM runs_providerbatch batch LEFT JOIN runs_run run ON run.id = batch.run_id
WHERE batch.provider = %(provider)s AND batch.state = ANY(%(out)s)
ORDER BY batch.intent_at, batch.id

-- runs_for_slices --
-- Runs with items that wait for a slice, who goes first first.
SELECT run.id, run.type, run.lane, run.status, run.options, run.model, run.max_tokens,
       run.prompt_set_id, run.total_items, waiting.items AS waiting
FROM runs_run run, LATERAL (
    SELECT COUNT(*)::int AS items
    FROM runs_runitem WHERE run_id = run.id AND in_batch AND batch_id IS NULL
) AS waiting
WHERE run.completed_at IS NULL AND run.lane <> 'realtime' AND run.status IN ('QUEUED', 'RUNNING')
  AND run.provider = %(provider)s AND waiting.items > 0
ORDER BY array_position(ARRAY['HIGH', 'NORMAL', 'LOW'], run.priority::text), run.created_at, run.id

-- slice_load --
-- The items that a run's next slice may have, in their order, each with what its kind loads as
-- `input`, which is null where the target is gone.
WITH claimed AS MATERIALIZED (
    SELECT item.id AS item_id, item.target_id, item.run_id, item.code, run.options,
           item.priority, item."order"
    FROM runs_run run JOIN runs_runitem item ON item.run_id = run.id
    WHERE run.id = %(run_id)s AND item.in_batch AND item.batch_id IS NULL
      AND item.id <> ALL(%(but)s::uuid[])
    ORDER BY item.priority DESC, item."order"
    LIMIT %(most)s::int
), @load_sql@
SELECT claimed.item_id, claimed.target_id, claimed.code, loaded.input
FROM claimed LEFT JOIN @kind@_loaded loaded USING (item_id)
ORDER BY claimed.priority DESC, claimed."order"

-- slice_begin --
-- The intent of a slice: itself, a call for each of its items, and those are out. FOR SHARE has a
-- pause or a cancel wait, so that what it counts as out is exact. Nothing where the run stands
-- still; of the items those that wait for a slice still. Says which those are, a second time, too.
WITH run AS (
    SELECT id, provider, model FROM runs_run
    WHERE id = %(run_id)s AND status IN ('QUEUED', 'RUNNING')
    FOR SHARE
), asked AS (
    SELECT * FROM json_to_recordset(%(given)s::json) AS asked (
        item_id uuid, call_id uuid, request_key text, request_digest text, purpose text,
        held_micro_usd bigint, alike text, prompt_bytes int
    )
), item AS MATERIALIZED (
    SELECT item.id, item.attempt, asked.call_id, asked.request_key, asked.request_digest,
           asked.purpose, asked.held_micro_usd, asked.alike, asked.prompt_bytes
    FROM run, asked JOIN runs_runitem item ON item.id = asked.item_id
    WHERE item.id = ANY(%(item_ids)s::uuid[]) AND item.in_batch AND item.batch_id IS NULL
      AND item.target_id IS NOT NULL
    ORDER BY item.id
    -- Who has one, as who deletes its target, keeps it out of this slice.
    FOR UPDATE OF item SKIP LOCKED
), batch AS (
    INSERT INTO runs_providerbatch (
        id, run_id, provider, state, expected, primer, prefix, shape, intent_at, not_ours,
        processing, succeeded, errored, canceled, expired, spilled, reads
    )
    SELECT %(batch_id)s, run.id, run.provider, 'creating', many.items, %(primer)s, %(prefix)s,
           %(shape)s, clock_timestamp(), '[]', many.items, 0, 0, 0, 0, false, 0
    FROM run, (SELECT COUNT(*) AS items FROM item) AS many
    WHERE many.items > 0
    RETURNING id
), out AS (
    UPDATE runs_runitem SET batch_id = batch.id
    FROM item, batch
    WHERE runs_runitem.id = item.id AND runs_runitem.id = ANY(%(item_ids)s::uuid[])
), call AS (
    INSERT INTO runs_providercall (
        @call_columns@, lane, batch_id, request_key, request_digest, alike, prompt_bytes
    )
    SELECT item.call_id, item.id, item.attempt + 1, item.purpose, run.model,
           item.held_micro_usd, @call_begun@, 'batch', batch.id, item.request_key, item.request_digest,
           item.alike, item.prompt_bytes
    FROM item, batch, run
    RETURNING id
)
SELECT id FROM call
UNION
SELECT id FROM runs_providercall WHERE batch_id = %(batch_id)s

-- items_leave_batch --
-- Items that wait for a slice go the usual way.
WITH item AS (
    SELECT id FROM runs_runitem
    WHERE run_id = %(run_id)s AND in_batch AND batch_id IS NULL
      AND (%(item_ids)s::uuid[] IS NULL OR id = ANY(%(item_ids)s::uuid[]))
    ORDER BY id
    FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE runs_runitem SET in_batch = false
FROM item
WHERE runs_runitem.id = item.id AND runs_runitem.id = ANY(ARRAY(SELECT id FROM item))
RETURNING runs_runitem.id

-- batch_opened --
-- The provider has it, and by this name.
UPDATE runs_providerbatch
SET state = 'open', provider_batch_id = %(provider_batch_id)s, created_at = %(created_at)s,
    expires_at = %(expires_at)s, missing_since = NULL, polled_at = NULL
WHERE id = %(batch_id)s AND state = 'creating'
RETURNING id

-- batch_not_ours --
-- What was taken for it is somebody else's: it is looked for once more.
UPDATE runs_providerbatch
SET state = 'creating', provider_batch_id = NULL, created_at = NULL, expires_at = NULL,
    ended_at = NULL, results_url = NULL, reads = 0, processing = expected, succeeded = 0,
    errored = 0, canceled = 0, expired = 0,
    not_ours = not_ours || jsonb_build_array(%(provider_batch_id)s::text)
WHERE id = %(batch_id)s AND state IN ('creating', 'open', 'ended')
RETURNING id

-- batches_known --
-- Which of the provider's batches are slices of ours.
SELECT provider_batch_id FROM runs_providerbatch
WHERE provider_batch_id = ANY(%(names)s::text[])

-- calls_of_batch --
-- Which of these calls are requests of a slice. Those of a run that was deleted are known by their
-- lines alone.
SELECT id FROM runs_providercall
WHERE id = ANY(%(call_ids)s::uuid[]) AND batch_id = %(batch_id)s
UNION
SELECT call_id
FROM runs_providerbatch batch JOIN runs_ledgerline line ON line.call_id = ANY(%(call_ids)s::uuid[])
WHERE batch.id = %(batch_id)s AND batch.run_id IS NULL AND line.lane = 'batch'
  AND NOT EXISTS (SELECT FROM runs_providercall WHERE id = line.call_id)

-- batches_seen --
-- What the provider says of slices. One that has ended stays so.
WITH told AS (
    SELECT * FROM json_to_recordset(%(given)s::json) AS told (
        id uuid, state text, processing int, succeeded int, errored int, canceled int, expired int,
        created_at timestamptz, expires_at timestamptz, ended_at timestamptz, results_url text
    )
)
UPDATE runs_providerbatch batch
SET state = CASE
        WHEN batch.state = 'ended' OR (batch.state = 'canceling' AND told.state = 'open')
        THEN batch.state ELSE told.state
    END,
    processing = told.processing, succeeded = told.succeeded, errored = told.errored,
    canceled = told.canceled, expired = told.expired,
    created_at = COALESCE(told.created_at, batch.created_at),
    expires_at = COALESCE(told.expires_at, batch.expires_at),
    ended_at = CASE WHEN told.state = 'ended'
        THEN COALESCE(batch.ended_at, told.ended_at, clock_timestamp()) END,
    results_url = COALESCE(told.results_url, batch.results_url),
    polled_at = clock_timestamp(), missing_since = NULL
FROM told
WHERE batch.id = told.id AND batch.state IN ('open', 'canceling', 'ended')
RETURNING batch.id

-- batches_unseen --
-- The provider does not know them, now.
UPDATE runs_providerbatch
SET polled_at = clock_timestamp(), missing_since = COALESCE(missing_since, clock_timestamp())
WHERE id = ANY(%(batch_ids)s::uuid[]) AND state IN ('open', 'canceling', 'ended')
RETURNING id

-- batch_gone --
-- A slice that brings no answers: the provider did not take it, or does not have it. Its items wait
-- for another one, no attempt counted.
WITH batch AS (
    UPDATE runs_providerbatch SET state = %(state)s
    WHERE id = %(batch_id)s AND state IN ('creating', 'open', 'canceling', 'ended')
    RETURNING id
), item AS MATERIALIZED (
    SELECT item.id
    FROM batch, runs_providercall call JOIN runs_runitem item ON item.id = call.item_id
    WHERE call.batch_id = %(batch_id)s AND call.outcome = 'STARTED'
      AND item.in_batch AND item.batch_id = %(batch_id)s @lets_go@
    ORDER BY item.id
    FOR UPDATE OF item
), back AS (
    UPDATE runs_runitem SET batch_id = NULL
    FROM item
    WHERE runs_runitem.id = item.id AND runs_runitem.id = ANY(ARRAY(SELECT id FROM item))
), begun AS MATERIALIZED (
    SELECT call.id
    FROM (SELECT COUNT(*) FROM item) AS items, batch, runs_providercall call
    WHERE call.batch_id = batch.id AND call.outcome = 'STARTED'
    ORDER BY call.id
    FOR NO KEY UPDATE OF call
)
UPDATE runs_providercall
SET outcome = %(outcome)s, ended_at = clock_timestamp(), error_code = %(error_code)s,
    possibly_billed = %(possibly_billed)s
WHERE id = ANY(ARRAY(SELECT id FROM begun))
RETURNING runs_providercall.id

-- batches_cancel --
-- Somebody wants what is out of a run cancelled at the provider.
UPDATE runs_providerbatch SET cancel_at = clock_timestamp()
WHERE run_id = %(run_id)s AND state IN ('creating', 'open') AND cancel_at IS NULL
RETURNING id

-- batches_keep --
-- A run goes on: what the provider was not told to cancel yet is waited for.
UPDATE runs_providerbatch SET cancel_at = NULL
WHERE run_id = %(run_id)s AND state IN ('creating', 'open') AND cancel_at IS NOT NULL
  AND NOT spilled
RETURNING id

-- batch_spill --
-- Have these cancelled at the provider; what is canceled or expired of them goes realtime.
UPDATE runs_providerbatch
SET spilled = true, cancel_at = COALESCE(cancel_at, clock_timestamp())
WHERE id = ANY(%(batch_ids)s::uuid[]) AND state IN ('creating', 'open', 'canceling')
  AND NOT spilled
RETURNING id

-- batch_let_go --
-- A slice's items go on without it: what it answers is booked, and nothing is made of it.
WITH item AS (
    SELECT id FROM runs_runitem
    WHERE run_id = %(run_id)s AND in_batch AND batch_id = %(batch_id)s
    ORDER BY id
    FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE runs_runitem SET in_batch = false, batch_id = NULL
FROM item
WHERE runs_runitem.id = item.id AND runs_runitem.id = ANY(ARRAY(SELECT id FROM item))
RETURNING runs_runitem.id

-- calls_left --
-- Requests of a slice that have no outcome.
SELECT id FROM runs_providercall
WHERE batch_id = %(batch_id)s AND outcome = 'STARTED'
ORDER BY id
LIMIT %(most)s::int

-- calls_in_vain --
-- Requests of a slice that have no outcome, of items that were out so often for nothing before.
SELECT call.id
FROM runs_providercall call JOIN runs_runitem item ON item.id = call.item_id
WHERE call.batch_id = %(batch_id)s AND call.outcome = 'STARTED'
  AND item.in_batch AND item.batch_id = %(batch_id)s AND @in_vain@ >= %(times)s
ORDER BY call.id
LIMIT %(most)s::int

-- in_vain (part) --
-- In how many slices an item was that expired, or were lost.
(
    SELECT COUNT(*)::int FROM runs_providercall
    WHERE item_id = item.id AND error_code IN ('BATCH_EXPIRED', 'BATCH_LOST')
)

-- batch_items --
-- What is to be known of items whose requests failed.
SELECT call.id AS call_id, item.id AS item_id, item.attempt, item.code, run.max_retries,
       run.retry_wait_ms, run.delay_ms, run.lane, @in_vain@ AS in_vain
FROM runs_providercall call
JOIN runs_runitem item ON item.id = call.item_id
JOIN runs_run run ON run.id = item.run_id
WHERE call.id = ANY(%(call_ids)s::uuid[]) AND call.batch_id = %(batch_id)s

-- batch_collect --
-- End calls of a slice, each once, and move their items on by their `fate`: `answered` ones are for
-- the lanes, which find the answer; those of `again` wait for another slice, those of `leave` go
-- the usual way, and those of `fail` are FAILED. What belongs to an item that is not out in the
-- slice any more is booked, and nothing else. The lane counts, as for an item that is cancelled.
WITH batch AS (
    SELECT id, run_id FROM runs_providerbatch WHERE id = %(batch_id)s @lets_go@
), lane AS MATERIALIZED (
    SELECT lane.id FROM batch JOIN runs_lane lane ON lane.run_id = batch.run_id
    WHERE lane.index = 0
    FOR UPDATE OF lane
), told AS MATERIALIZED (
    SELECT * FROM json_to_recordset(%(given)s::json) AS told (
        call_id uuid, fate text, outcome text, request_id text, input_tokens bigint,
        output_tokens bigint, cache_read_tokens bigint, cache_write_tokens bigint,
        cache_write_1h_tokens bigint, cost_usd numeric, price_date date, unknown_calls bigint,
        error_code text, error text,
        possibly_billed boolean, spent int, text text, stop_reason text
    )
), item AS MATERIALIZED (
    SELECT call.item_id AS id, call.id AS call_id, call.request_key, call.request_digest,
           call.alike, call.prompt_bytes
    FROM lane, batch, told, LATERAL (
        SELECT id, item_id, request_key, request_digest, alike, prompt_bytes
        FROM runs_providercall
        WHERE id = told.call_id AND batch_id = batch.id AND outcome = 'STARTED'
        OFFSET 0
    ) AS call
), held AS MATERIALIZED (
    SELECT runs_runitem.id,
           runs_runitem.in_batch AND runs_runitem.batch_id = %(batch_id)s AS waits
    FROM item JOIN runs_runitem USING (id)
    WHERE runs_runitem.id = ANY(ARRAY(SELECT id FROM item))
    ORDER BY runs_runitem.id
    FOR UPDATE OF runs_runitem
), ending AS MATERIALIZED (
    SELECT told.*, item.id AS item_id, item.request_key, item.request_digest, item.alike,
           item.prompt_bytes, held.waits
    FROM held JOIN item USING (id) JOIN told USING (call_id)
), begun AS MATERIALIZED (
    SELECT id FROM runs_providercall
    WHERE id = ANY(%(call_ids)s::uuid[]) AND id IN (SELECT call_id FROM ending)
      AND outcome = 'STARTED'
    ORDER BY id
    FOR NO KEY UPDATE
), call AS (
    UPDATE runs_providercall
    SET outcome = spent.outcome, @call_spent@, error_code = spent.error_code,
        possibly_billed = spent.possibly_billed,
        response = CASE WHEN spent.waits AND spent.fate = 'answered' THEN jsonb_build_object(
            'key', spent.request_key, 'digest', spent.request_digest,
            'text', spent.text, 'stopReason', spent.stop_reason
        ) END
    FROM ending AS spent
    WHERE runs_providercall.id = spent.call_id
      AND runs_providercall.id = ANY(ARRAY(SELECT id FROM begun))
    RETURNING spent.*
), moved AS (
    UPDATE runs_runitem counter
    SET @usage_added@,
        in_batch = CASE WHEN spent.waits
            THEN spent.fate = 'again' ELSE counter.in_batch END,
        batch_id = CASE WHEN spent.waits AND spent.fate <> 'answered'
            THEN NULL ELSE counter.batch_id END,
        attempt = counter.attempt + CASE WHEN spent.waits THEN spent.spent ELSE 0 END,
        status = CASE WHEN spent.waits AND spent.fate = 'fail'
            THEN 'FAILED' ELSE counter.status END,
        completed_at = CASE WHEN spent.waits AND spent.fate = 'fail'
            THEN clock_timestamp() ELSE counter.completed_at END,
        error_code = CASE WHEN spent.waits AND spent.fate = 'fail'
            THEN spent.error_code ELSE counter.error_code END,
        error = CASE WHEN spent.waits AND spent.fate = 'fail'
            THEN spent.error ELSE counter.error END
    FROM call spent
    WHERE counter.id = spent.item_id AND counter.id = ANY(ARRAY(SELECT item_id FROM call))
    RETURNING counter.code, spent.fate, spent.waits, spent.error
), line AS (
    INSERT INTO runs_runlog (run_id, at, level, item_code, message)
    SELECT batch.run_id, clock_timestamp(), 'error', moved.code,
           '[' || moved.code || '] FAILED: ' || moved.error
    FROM moved, batch
    WHERE moved.waits AND moved.fate = 'fail'
), spent AS (
    SELECT SUM(input_tokens)::bigint AS input_tokens, SUM(output_tokens)::bigint AS output_tokens,
           SUM(cache_read_tokens)::bigint AS cache_read_tokens,
           SUM(cache_write_tokens)::bigint AS cache_write_tokens,
           SUM(cost_usd) AS cost_usd, COALESCE(SUM(unknown_calls), 0) AS unknown_calls,
           COUNT(*) FILTER (WHERE waits AND fate = 'fail') AS failed,
           COUNT(*) FILTER (WHERE waits AND fate = 'answered') AS answered,
           COUNT(*) FILTER (WHERE waits AND fate = 'leave') AS left,
           COUNT(*) AS calls
    FROM call
), counted AS (
    UPDATE runs_lane counter
    SET @usage_added@, failed = counter.failed + spent.failed
    FROM spent, lane
    WHERE counter.id = lane.id AND spent.calls > 0
)
SELECT calls::int, answered::int, failed::int, "left"::int FROM spent

-- batch_settle --
-- What became of requests whose run was deleted: nothing is made of it, and their lines, by which
-- they were possibly billed, are corrected, each once. The budgets that count them count that.
WITH told AS (
    SELECT told.*, known.certainty
    FROM json_to_recordset(%(given)s::json) AS told (
        call_id uuid, outcome text, input_tokens int, output_tokens int, cache_read_tokens int,
        cache_write_tokens int, cache_write_1h_tokens int, cost_usd numeric, price_date date,
        possibly_billed boolean
    ), LATERAL (
        SELECT runs_call_certainty(outcome, input_tokens, possibly_billed) AS certainty
    ) AS known
    WHERE known.certainty <> 'possibly'
), doubt AS MATERIALIZED (
    SELECT last.*
    FROM told, LATERAL (
        SELECT * FROM runs_ledgerline WHERE call_id = told.call_id ORDER BY id DESC LIMIT 1
    ) AS last
    WHERE last.certainty = 'possibly'
      AND NOT EXISTS (SELECT FROM runs_providercall WHERE id = told.call_id)
), line AS (
    INSERT INTO runs_ledgerline (
        call_id, at, project_id, run_id, item_id, model, purpose, lane, certainty, input_tokens,
        cache_read_tokens, cache_write_5m_tokens, cache_write_1h_tokens, output_tokens,
        cost_micro_usd, price_date, corrects
    )
    SELECT call_id, doubt.at, doubt.project_id, doubt.run_id, doubt.item_id, doubt.model,
           doubt.purpose, doubt.lane, told.certainty, told.input_tokens, told.cache_read_tokens,
           told.cache_write_tokens - told.cache_write_1h_tokens, told.cache_write_1h_tokens,
           told.output_tokens, runs_call_micro_usd(told.certainty, told.cost_usd, NULL),
           COALESCE(told.price_date, doubt.price_date), doubt.id
    FROM doubt JOIN told USING (call_id)
    ON CONFLICT DO NOTHING
    RETURNING *
), budget AS MATERIALIZED (
    SELECT id, scope, run_id, project_id, month FROM runs_budget
    WHERE (scope = 'run' AND run_id IN (SELECT run_id FROM doubt))
       OR (scope = 'project' AND project_id IN (SELECT project_id FROM doubt))
       OR (scope = 'installation' AND month IN (SELECT runs_month(at) FROM doubt))
    ORDER BY id
    FOR UPDATE
), counted AS (
    SELECT budget.id, SUM(doubt.cost_micro_usd) AS possibly,
           SUM(line.cost_micro_usd) FILTER (WHERE line.certainty = 'billed') AS spent
    FROM line JOIN doubt ON doubt.id = line.corrects
    JOIN budget ON (
        CASE budget.scope
            WHEN 'run' THEN line.run_id = budget.run_id
            WHEN 'project' THEN line.project_id = budget.project_id
            ELSE true
        END AND (budget.month IS NULL OR runs_month(line.at) = budget.month)
    )
    GROUP BY budget.id
), settled AS (
    UPDATE runs_budget
    SET possibly_micro_usd = possibly_micro_usd - COALESCE(counted.possibly, 0),
        spent_micro_usd = spent_micro_usd + COALESCE(counted.spent, 0)
    FROM counted
    WHERE runs_budget.id = counted.id
)
SELECT call_id AS id FROM line

-- batch_read --
-- The results of a slice were read to their end.
UPDATE runs_providerbatch SET reads = reads + 1
WHERE id = %(batch_id)s AND state = 'ended'
RETURNING id

-- batch_collected --
-- Each of its calls has ended.
UPDATE runs_providerbatch SET state = 'collected'
WHERE id = %(batch_id)s AND state = 'ended'
  AND NOT EXISTS (
      SELECT FROM runs_providercall WHERE batch_id = %(batch_id)s AND outcome = 'STARTED'
  )
RETURNING id

-- shape_known --
-- Whether requests of this shape were ever answered in a slice, and how this run's first one, which
-- went alone, is getting on.
SELECT EXISTS (SELECT FROM runs_providerbatch WHERE shape = %(shape)s AND succeeded > 0) AS known,
       EXISTS (
           SELECT FROM runs_runitem item JOIN runs_providercall call ON call.item_id = item.id
           WHERE item.run_id = %(run_id)s AND NOT item.in_batch AND call.outcome = 'ANSWERED'
       ) AS answered,
       EXISTS (
           SELECT FROM runs_runitem
           WHERE run_id = %(run_id)s AND status IN ('PENDING', 'GENERATING') AND NOT in_batch
       ) AS under_way

-- prefix_known --
-- What became of requests that begin alike: whether the provider has their beginning in its cache,
-- one that writes it is under way, not for long, or was in vain.
SELECT EXISTS (
           SELECT FROM runs_providerbatch
           WHERE prefix = %(prefix)s AND succeeded > 0
             AND ended_at > clock_timestamp() - make_interval(secs => %(cached_s)s)
       ) AS cached,
       EXISTS (
           SELECT FROM runs_providerbatch
           WHERE prefix = %(prefix)s AND primer AND state = ANY(%(out)s)
             AND intent_at > clock_timestamp() - make_interval(secs => %(cached_s)s / 2)
       ) AS under_way,
       EXISTS (
           SELECT FROM runs_providerbatch
           WHERE prefix = %(prefix)s AND primer AND succeeded = 0 AND state <> 'refused'
             AND intent_at > clock_timestamp() - make_interval(secs => 24 * %(cached_s)s)
       ) AS tried

-- requests_out --
-- How many requests of a provider's slices are out.
SELECT COALESCE(SUM(processing), 0)::int AS requests
FROM runs_providerbatch
WHERE provider = %(provider)s AND state IN ('creating', 'open', 'canceling')

-- run_spills --
-- Runs that are to end by a time and have work in slices: what is left of it, and of time, how long
-- their calls took alone, and what calls took of the limits.
SELECT run.id, run.max_concurrency AS lanes, run.delay_ms,
       EXTRACT(EPOCH FROM COALESCE(
           run.deadline, run.created_at + make_interval(secs => %(no_deadline_s)s)
       ) - clock_timestamp())::float AS left_s,
       items.waiting, items.out, items.realtime,
       EXTRACT(EPOCH FROM calls.took)::float AS call_s, calls.input_tokens, calls.output_tokens
FROM runs_run run
CROSS JOIN LATERAL (
    SELECT COUNT(*) FILTER (WHERE in_batch AND batch_id IS NULL)::int AS waiting,
           COUNT(*) FILTER (WHERE in_batch AND batch_id IS NOT NULL)::int AS out,
           COUNT(*) FILTER (WHERE NOT in_batch)::int AS realtime
    FROM runs_runitem WHERE run_id = run.id AND status IN ('PENDING', 'GENERATING')
) AS items
CROSS JOIN LATERAL (
    SELECT AVG(call.ended_at - call.started_at) FILTER (WHERE call.batch_id IS NULL) AS took,
           AVG(call.input_tokens + call.cache_write_tokens)::float AS input_tokens,
           AVG(call.output_tokens)::float AS output_tokens
    FROM (
        SELECT id FROM runs_runitem WHERE run_id = run.id ORDER BY "order" LIMIT 100
    ) AS item
    JOIN runs_providercall call ON call.item_id = item.id
    WHERE call.outcome = 'ANSWERED'
) AS calls
WHERE run.completed_at IS NULL AND run.lane = 'cheapest' AND run.status IN ('QUEUED', 'RUNNING')
  AND run.provider = %(provider)s AND items.waiting + items.out > 0

-- items_spill --
-- So many of the items that wait for a slice go the usual way, those that come last in the run's
-- order.
WITH item AS (
    SELECT id FROM runs_runitem
    WHERE run_id = %(run_id)s AND in_batch AND batch_id IS NULL
    ORDER BY priority, "order" DESC
    LIMIT %(most)s::int
    FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE runs_runitem SET in_batch = false
FROM item
WHERE runs_runitem.id = item.id AND runs_runitem.id = ANY(ARRAY(SELECT id FROM item))
RETURNING runs_runitem.id
