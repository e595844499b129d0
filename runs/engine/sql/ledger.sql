-- ledger_drift --
-- What does not add up: calls whose line does not say what their row does, runs whose lanes counted
-- something else than their lines, and budgets that count something else than lines and calls. All
-- of one moment; no row where everything does.
WITH line AS (
    SELECT * FROM runs_ledgerline
    WHERE NOT EXISTS (
        SELECT FROM runs_ledgerline later
        WHERE later.call_id = runs_ledgerline.call_id AND later.corrects = runs_ledgerline.id
    )
), ended AS (
    SELECT call.id, known.certainty,
           runs_call_micro_usd(known.certainty, cost_usd, held_micro_usd) AS micro_usd
    FROM runs_providercall call, LATERAL (
        SELECT runs_call_certainty(outcome, input_tokens, possibly_billed) AS certainty
    ) AS known
    WHERE known.certainty IS NOT NULL
), lanes AS (
    SELECT run_id, (SUM(cost_usd) * 1000000)::bigint AS micro_usd FROM runs_lane GROUP BY run_id
), billed AS (
    SELECT run_id, SUM(cost_micro_usd)::bigint AS micro_usd
    FROM line WHERE certainty = 'billed' GROUP BY run_id
), held AS (
    SELECT budget_id, SUM(held_micro_usd)::bigint AS micro_usd
    FROM runs_providercall, unnest(budget_ids) AS budget_id
    WHERE outcome = 'STARTED'
    GROUP BY budget_id
), counted AS (
    SELECT budget.id,
           COALESCE(SUM(cost_micro_usd) FILTER (WHERE certainty = 'billed'), 0)::bigint AS spent,
           COALESCE(SUM(cost_micro_usd) FILTER (WHERE certainty = 'possibly'), 0)::bigint
               AS possibly
    FROM runs_budget budget LEFT JOIN line ON (
        CASE budget.scope
            WHEN 'run' THEN line.run_id = budget.run_id
            WHEN 'project' THEN line.project_id = budget.project_id
            ELSE true
        END AND (budget.month IS NULL OR runs_month(line.at) = budget.month)
    )
    GROUP BY budget.id
)
SELECT 'call' AS what, ended.id::text, 'cost' AS figure, ended.micro_usd AS counted,
       line.cost_micro_usd AS lines
FROM ended LEFT JOIN line ON line.call_id = ended.id
WHERE (line.certainty, line.cost_micro_usd) IS DISTINCT FROM (ended.certainty, ended.micro_usd)
UNION ALL
SELECT 'run', lanes.run_id::text, 'spent', lanes.micro_usd, COALESCE(billed.micro_usd, 0)
FROM lanes LEFT JOIN billed USING (run_id)
WHERE lanes.micro_usd <> COALESCE(billed.micro_usd, 0)
UNION ALL
SELECT 'budget', budget.id::text, figure, said, counted
FROM runs_budget budget JOIN counted USING (id) LEFT JOIN held ON held.budget_id = budget.id,
     LATERAL (VALUES
         ('spent', budget.spent_micro_usd, counted.spent),
         ('possibly', budget.possibly_micro_usd, counted.possibly),
         ('held', budget.held_micro_usd, COALESCE(held.micro_usd, 0))
     ) AS figures (figure, said, counted)
WHERE said <> counted

-- runs_adrift --
-- How many runs that are open, or ended within the hour, have lanes that counted something else than
-- their lines: as in ledger_drift, and run by run by an index, as it is asked once a minute.
SELECT count(*) AS runs
FROM runs_run run, LATERAL (
    SELECT COALESCE((SUM(cost_usd) * 1000000)::bigint, 0) AS micro_usd
    FROM runs_lane WHERE run_id = run.id OFFSET 0
) AS lanes, LATERAL (
    SELECT COALESCE(SUM(cost_micro_usd), 0)::bigint AS micro_usd
    FROM runs_ledgerline line
    WHERE line.run_id = run.id AND line.certainty = 'billed'
      AND NOT EXISTS (
          SELECT FROM runs_ledgerline later
          WHERE later.call_id = line.call_id AND later.corrects = line.id
      )
    OFFSET 0
) AS lines
WHERE (run.completed_at IS NULL OR run.completed_at > now() - interval '1 hour')
  AND lanes.micro_usd <> lines.micro_usd

-- calls_in_doubt --
-- Calls that were possibly billed, of runs that this provider answered, oldest first.
SELECT call.id, call.item_id, call.model, call.lane, item.run_id
FROM runs_providercall call
JOIN runs_runitem item ON item.id = call.item_id
JOIN runs_run run ON run.id = item.run_id
WHERE runs_call_certainty(call.outcome, call.input_tokens, call.possibly_billed) = 'possibly'
  AND run.provider = %(provider)s
ORDER BY call.started_at

-- calls_billed --
-- What the calls of these items took that were billed.
SELECT item_id, lane, input_tokens, cache_read_tokens,
       cache_write_tokens - cache_write_1h_tokens AS cache_write_5m_tokens,
       cache_write_1h_tokens, output_tokens
FROM runs_providercall
WHERE item_id = ANY(%(item_ids)s)
  AND runs_call_certainty(outcome, input_tokens, possibly_billed) = 'billed'

-- call_reconcile --
-- What became known of a call that was possibly billed: what it took, or that it was not billed.
-- The item and a lane of its run count it, as if its answer had come; what is counted once is not
-- counted again.
WITH lane AS (
    -- Before the item and the call, as everywhere: no deadlock.
    SELECT id FROM runs_lane WHERE run_id = %(run_id)s ORDER BY index LIMIT 1 FOR NO KEY UPDATE
), doubt AS (
    SELECT id, item_id, outcome FROM runs_providercall
    WHERE id = %(call_id)s
      AND runs_call_certainty(outcome, input_tokens, possibly_billed) = 'possibly'
    FOR UPDATE
), call AS (
    UPDATE runs_providercall
    SET outcome = CASE WHEN %(billed)s THEN 'ANSWERED' ELSE 'FAILED' END,
        input_tokens = spent.input_tokens, output_tokens = spent.output_tokens,
        cache_read_tokens = spent.cache_read_tokens,
        cache_write_tokens = spent.cache_write_tokens,
        cache_write_1h_tokens = spent.cache_write_1h_tokens, cost_usd = spent.cost_usd,
        price_date = spent.price_date, possibly_billed = false
    FROM doubt, @spent_given@
    WHERE runs_providercall.id = doubt.id
    RETURNING doubt.item_id, spent.input_tokens, spent.output_tokens, spent.cache_read_tokens,
              spent.cache_write_tokens, spent.cost_usd,
              -(doubt.outcome = 'ANSWERED')::int AS unknown_calls
), item AS (
    UPDATE runs_runitem counter SET @usage_added@
    FROM call spent WHERE counter.id = spent.item_id
), counted AS (
    UPDATE runs_lane counter SET @usage_added@
    FROM call spent, lane WHERE counter.id = lane.id
)
SELECT item_id FROM call
