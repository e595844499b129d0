-- run_items_create --
-- A run's items in their order, open from here on where their kind holds targets. Of what is not
-- given here each row has the model's default; Django would write twenty columns of those for each
-- of thousands of rows.
WITH made AS (
    INSERT INTO runs_runitem (
        id, run_id, kind, target_id, code, title, "order", priority, status, stage,
        estimated_input_tokens, attempt, cancel_requested, crashes, created, kept,
        input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, cost_usd, error_code,
        error, stage_ms, notes, in_batch
    )
    SELECT given.id, %(run_id)s, %(kind)s, target_id, code, title, %(after)s + place, priority,
           'PENDING', '', tokens, 0, false, 0, 0, 0, 0, 0, 0, 0, 0, '', '', '{}', '[]',
           %(in_batch)s
    FROM unnest(%(ids)s::uuid[], %(target_ids)s::uuid[], %(codes)s::text[], %(titles)s::text[],
                %(priorities)s::int[], %(estimated_input_tokens)s::int[])
         WITH ORDINALITY AS given (id, target_id, code, title, priority, tokens, place)
    RETURNING kind, target_id
)
-- In the order of all: of two starts over the same targets one waits for the other.
INSERT INTO runs_opentarget (kind, target_id, run_id)
SELECT kind, target_id, %(run_id)s FROM made WHERE %(held)s ORDER BY target_id

-- lanes_provide --
-- The run's lanes up to a number; those that are there already are as good.
INSERT INTO runs_lane (@lane_columns@)
SELECT %(run_id)s, index, @lane_begins@
FROM generate_series(0, %(count)s::int - 1) AS index
ON CONFLICT (run_id, index) DO NOTHING

-- lane_columns (part) --
-- What is written of a lane. Of what is not given each row has the model's default.
run_id, index, state, fencing_token, wait_reason, rate_limit_streak, completed, failed, skipped,
    cancelled, created, kept, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens,
    cost_usd

-- lane_begins (part) --
-- Its values, from `state` on.
'idle', 0, '', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0

-- lanes_dispatch --
-- Give the run's free lanes an item each and mark them sent: idle ones, parked ones that are
-- due, and those whose message is known to be lost. A lane that has an item keeps it. Of a run
-- with thousands of lanes so many are sent at most that wait for a worker, those that have an item
-- first; the next round has the others. Returns the messages to send.
-- Of a run that is over but for its slices those items alone that a slice has answered.
WITH run AS (
    SELECT run.id, run.max_concurrency, run.draining, @run_told@
    FROM runs_run run
    WHERE id = %(run_id)s AND (status IN ('QUEUED', 'RUNNING') OR (draining AND lane <> 'realtime'))
    FOR SHARE OF run
), due AS (
    SELECT lane.id, lane.index, lane.wait_reason
    FROM runs_lane lane JOIN run ON run.id = lane.run_id
    WHERE lane.index < run.max_concurrency
      AND (
          lane.state = 'idle'
          OR (lane.state = 'parked' AND lane.wake_at <= clock_timestamp())
          OR (lane.state = 'sent' AND lane.id = ANY(%(lost_lane_ids)s))
      )
      AND (NOT run.draining OR NOT EXISTS (
          SELECT FROM runs_runitem
          WHERE lane_id = lane.id AND status = 'PENDING' AND batch_id IS NULL
      ))
    ORDER BY lane.state = 'idle', lane.index
    LIMIT (
        SELECT GREATEST(0, %(most_sent)s - COUNT(*))
        FROM runs_lane sent JOIN run ON run.id = sent.run_id
        WHERE sent.state = 'sent' AND sent.id <> ALL(%(lost_lane_ids)s)
    )
    FOR UPDATE OF lane SKIP LOCKED
), @outranked@, held AS (
    SELECT item.lane_id, item.id, item.kind, item.code, item.title,
           item.estimated_input_tokens, @item_answered@ AS answered
    -- By an array, here and below: a join may read all open items for each lane.
    FROM runs_runitem item
    WHERE item.lane_id = ANY(ARRAY(SELECT id FROM due)) AND item.status = 'PENDING'
      AND NOT EXISTS (SELECT FROM outranked WHERE outranked.id = item.id)
), empty AS (
    SELECT due.id AS lane_id, ROW_NUMBER() OVER (ORDER BY due.index) AS place
    FROM due
    WHERE id NOT IN (SELECT lane_id FROM held)
), @items_given@, carried AS (
    SELECT lane_id, id, kind, code, title, estimated_input_tokens, answered FROM held
    UNION ALL
    SELECT lane_id, id, kind, code, title, estimated_input_tokens, answered FROM given
), emptied AS (
    -- Others took what outranked it: the next round gives the lane an item.
    UPDATE runs_lane
    SET state = 'idle', wake_at = NULL, wait_reason = '', fencing_token = fencing_token + 1,
        moved_at = clock_timestamp()
    FROM behind
    WHERE runs_lane.id = behind.lane_id
      AND NOT EXISTS (SELECT FROM given WHERE given.lane_id = behind.lane_id)
)
UPDATE runs_lane
SET state = 'sent', fencing_token = fencing_token + 1, wake_at = NULL, wait_reason = '',
    worker_id = NULL, moved_at = clock_timestamp()
FROM carried CROSS JOIN run
WHERE runs_lane.id = carried.lane_id
  AND runs_lane.id = ANY(ARRAY(SELECT lane_id FROM carried))
RETURNING runs_lane.id AS lane_id, runs_lane.fencing_token, runs_lane.run_id,
          run.user_id, run.weight, run.context_key, run.priority, run.provider, run.model,
          run.options, run.max_tokens, run.prompt_set_id,
          carried.id AS item_id, carried.kind, carried.code, carried.title,
          carried.estimated_input_tokens, carried.answered

-- outranked (part) --
-- Items that are tried again and that another one outranks by now: back to those that no lane has.
-- The first of those tells; one look, though hundreds of lanes may be due.
first_free AS MATERIALIZED (
    SELECT priority, "order"
    FROM runs_runitem
    WHERE run_id = (SELECT id FROM run) AND status = 'PENDING' AND lane_id IS NULL
      AND NOT in_batch AND crashes < %(last_chance)s
    ORDER BY priority DESC, "order"
    LIMIT 1
), behind AS (
    SELECT tried.id, tried.lane_id
    FROM first_free CROSS JOIN runs_runitem tried
    WHERE tried.lane_id = ANY(ARRAY(SELECT id FROM due WHERE wait_reason = 'backoff'))
      AND tried.status = 'PENDING'
      AND (first_free.priority, -first_free."order") > (tried.priority, -tried."order")
    ORDER BY tried.id
    FOR UPDATE OF tried SKIP LOCKED
), outranked AS (
    UPDATE runs_runitem SET lane_id = NULL WHERE id = ANY(ARRAY(SELECT id FROM behind))
    RETURNING id
)

-- items_given (part) --
-- Items that no lane has, for the lanes that are empty.
suspect AS (
    -- Of items that may be given up at their next crash, the first, if none is handed out.
    SELECT id FROM runs_runitem
    WHERE run_id = (SELECT id FROM run) AND status = 'PENDING' AND lane_id IS NULL
      AND NOT in_batch AND (batch_id IS NOT NULL OR NOT (SELECT draining FROM run))
      AND crashes >= %(last_chance)s
      AND NOT EXISTS (
          SELECT FROM runs_runitem other
          WHERE other.run_id = (SELECT id FROM run) AND other.lane_id IS NOT NULL
            AND other.status IN ('PENDING', 'GENERATING') AND other.crashes >= %(last_chance)s
      )
    ORDER BY priority DESC, "order"
    LIMIT 1
), free AS (
    SELECT id, priority, "order"
    FROM runs_runitem
    WHERE run_id = (SELECT id FROM run) AND status = 'PENDING' AND lane_id IS NULL
      AND NOT in_batch AND (batch_id IS NOT NULL OR NOT (SELECT draining FROM run))
      AND (crashes < %(last_chance)s OR id = (SELECT id FROM suspect))
    ORDER BY priority DESC, "order"
    LIMIT (SELECT COUNT(*) FROM empty)
    FOR UPDATE SKIP LOCKED
), given AS (
    -- By place in an array: a join is planned for few, and would compare each with all.
    UPDATE runs_runitem item
    SET lane_id = (ARRAY(SELECT lane_id FROM empty ORDER BY place))[numbered.place]
    FROM (
        SELECT id, ROW_NUMBER() OVER (ORDER BY priority DESC, "order") AS place FROM free
    ) AS numbered
    WHERE item.id = numbered.id
      AND item.id = ANY(ARRAY(SELECT id FROM free))
    RETURNING item.lane_id, item.id, item.kind, item.code, item.title,
              item.estimated_input_tokens, @item_answered@ AS answered
)

-- item_answered (part) --
-- Whether a slice has answered its first request: then it begins without a call.
(item.batch_id IS NOT NULL)

-- messages_of_user --
-- How many messages of a user's runs wait for a worker; those that no person started are one user's.
SELECT COUNT(*)::int AS sent
FROM runs_run run JOIN runs_lane lane ON lane.run_id = run.id
WHERE run.completed_at IS NULL AND run.created_by_id IS NOT DISTINCT FROM %(user_id)s::int
  AND lane.state = 'sent'

-- run_told (part) --
-- What a message says of its run. Without a share a user's turns weigh 1.
run.created_by_id AS user_id,
           COALESCE((SELECT weight FROM runs_share WHERE user_id = run.created_by_id), 1) AS weight,
           run.context_key, run.priority, run.provider, run.model, run.options, run.max_tokens,
           run.prompt_set_id

-- lanes_wake --
-- Let lanes of open runs of these models that are parked for one of these reasons be due now.
WITH waiting AS (
    SELECT lane.id
    FROM runs_lane lane JOIN runs_run run ON run.id = lane.run_id
    WHERE run.completed_at IS NULL AND run.model = ANY(%(models)s)
      AND lane.state = 'parked' AND lane.wait_reason = ANY(%(reasons)s)
    ORDER BY lane.id
    FOR UPDATE OF lane
)
UPDATE runs_lane SET wake_at = clock_timestamp()
FROM waiting
WHERE runs_lane.id = waiting.id
RETURNING runs_lane.id

-- lanes_rest --
-- Lanes that may not go on let the items go that wait in them, and are idle: all where the run
-- stands still, else those beyond its limit; so many at a time. Messages that are still on their
-- way carry an older fencing_token and change nothing.
WITH waiting AS (
    SELECT lane.id, lane.state
    FROM runs_lane lane JOIN runs_run run ON run.id = lane.run_id
    WHERE run.id = %(run_id)s
      AND (
          (
              run.status NOT IN ('QUEUED', 'RUNNING') AND lane.state IN ('sent', 'parked')
              -- What a slice has answered is finished, as what was under way.
              AND NOT (run.draining AND EXISTS (
                  SELECT FROM runs_runitem
                  WHERE lane_id = lane.id AND status = 'PENDING' AND batch_id IS NOT NULL
                  OFFSET 0
              ))
          )
          OR (
              lane.index >= run.max_concurrency AND lane.state <> 'running'
              AND EXISTS (
                  SELECT FROM runs_runitem WHERE lane_id = lane.id AND status = 'PENDING' OFFSET 0
              )
              -- The item waits that long in whatever lane: its call is to be tried again.
              AND NOT (
                  lane.state = 'parked' AND lane.wait_reason = 'backoff'
                  AND lane.wake_at > clock_timestamp()
              )
          )
      )
    ORDER BY lane.id
    LIMIT %(most)s
    FOR UPDATE OF lane
), held AS (
    -- What somebody has, as who deletes its target, is left to the reconciler, with its lane.
    SELECT item.id, item.lane_id
    FROM runs_runitem item
    WHERE item.lane_id = ANY(ARRAY(SELECT id FROM waiting)) AND item.status = 'PENDING'
    ORDER BY item.id
    FOR UPDATE OF item SKIP LOCKED
), released AS (
    UPDATE runs_runitem SET lane_id = NULL
    WHERE id = ANY(ARRAY(SELECT id FROM held))
)
UPDATE runs_lane
SET state = 'idle', fencing_token = fencing_token + 1, wake_at = NULL, wait_reason = '',
    moved_at = clock_timestamp()
WHERE run_id = %(run_id)s AND (id IN (SELECT id FROM waiting)) IS TRUE
  AND (
      (id IN (SELECT lane_id FROM held)) IS TRUE
      OR NOT EXISTS (
          SELECT FROM runs_runitem WHERE lane_id = runs_lane.id AND status = 'PENDING' OFFSET 0
      )
  )
RETURNING id AS lane_id, fencing_token - 1 AS fencing_token,
          (id IN (SELECT id FROM waiting WHERE state = 'sent')) IS TRUE AS sent
