-- quote_load --
-- What items of these targets would be given, as their claim would load it. Nothing is written.
WITH claimed AS MATERIALIZED (
    SELECT target_id AS item_id, target_id, %(run_id)s::uuid AS run_id,
           %(options)s::jsonb AS options
    FROM unnest(%(target_ids)s::uuid[]) AS given (target_id)
), @load_sql@
SELECT claimed.target_id, loaded.input
FROM claimed JOIN @kind@_loaded loaded USING (item_id)

-- quote_batches --
-- The provider's last batches of several requests of a model: how long each took until its answers
-- were here; of how many of its requests the beginning was marked for the cache, and found there.
SELECT EXTRACT(EPOCH FROM call.ended_at - batch.intent_at)::float8 AS seconds, call.marked,
       call.found
FROM (
    SELECT id, intent_at
    FROM runs_providerbatch
    WHERE provider = %(provider)s AND created_at IS NOT NULL AND ended_at IS NOT NULL
      AND expected > 1
    ORDER BY intent_at DESC
    LIMIT %(batches)s
) AS batch, LATERAL (
    SELECT COUNT(*) FILTER (WHERE cache_read_tokens > 0 OR cache_write_tokens > 0) AS marked,
           COUNT(*) FILTER (WHERE cache_read_tokens > 0) AS found,
           MAX(ended_at) AS ended_at
    FROM runs_providercall
    WHERE batch_id = batch.id AND outcome = 'ANSWERED' AND model = %(model)s
) AS call
WHERE call.ended_at IS NOT NULL

-- quote_batched --
-- Whether a batch ever had answers of this model to these prompts.
SELECT EXISTS (
    SELECT FROM runs_providerbatch batch JOIN runs_run run ON run.id = batch.run_id
    WHERE batch.succeeded > 0 AND batch.provider = %(provider)s AND run.type = ANY (%(types)s)
      AND run.model = %(model)s AND run.prompt_key = %(prompt_key)s
) AS before

-- quote_item_times --
-- What the last items of these types took, in seconds: half of them, and nine in ten.
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds) AS p50_s,
       percentile_cont(0.9) WITHIN GROUP (ORDER BY seconds) AS p90_s
FROM (
    SELECT EXTRACT(EPOCH FROM item.completed_at - item.started_at)::float8 AS seconds
    FROM runs_run run JOIN runs_runitem item ON item.run_id = run.id
    WHERE run.type = ANY (%(types)s) AND item.status = 'COMPLETED'
    ORDER BY run.created_at DESC
    LIMIT %(items)s
) AS item

-- quote_past --
-- Calls of the last runs of a kind, those with these prompts first: what each took. The first items
-- of each run tell of it.
WITH run AS MATERIALIZED (
    SELECT id, prompt_key, delay_ms
    FROM runs_run
    WHERE type = ANY (%(types)s) AND provider = %(provider)s AND completed_at IS NOT NULL
      AND (%(model)s = '' OR model = %(model)s)
    ORDER BY prompt_key = %(prompt_key)s DESC, created_at DESC
    LIMIT %(runs)s
)
SELECT run.id AS run_id, run.prompt_key = %(prompt_key)s AS same_prompts, item.id AS item_id,
       EXTRACT(EPOCH FROM item.completed_at - item.started_at)::float8 AS item_s,
       EXTRACT(EPOCH FROM item.started_at)::float8 AS began_s, item.lane_id,
       run.delay_ms / 1000.0::float8 AS delay_s,
       call.lane = 'realtime' AS realtime, call.purpose, call.alike, call.prompt_bytes, call.input_tokens, call.output_tokens,
       call.cache_read_tokens, call.cache_write_tokens,
       EXTRACT(EPOCH FROM call.ended_at - call.started_at)::float8 AS call_s
FROM run, LATERAL (
    SELECT id, lane_id, started_at, completed_at
    FROM runs_runitem
    WHERE run_id = run.id AND status = 'COMPLETED'
    ORDER BY "order"
    LIMIT %(items)s
) AS item, LATERAL (
    SELECT *
    FROM runs_providercall
    WHERE item_id = item.id AND outcome = 'ANSWERED' AND output_tokens IS NOT NULL
    OFFSET 0
) AS call
