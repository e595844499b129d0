"""The order of locks where budgets are made, and what each worker takes for the installation's."""

from django.db import migrations, models

IN_ORDER = """
-- A new budget counts what was before it.
CREATE OR REPLACE FUNCTION runs_budget_begin(of_budget bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    budget runs_budget := (SELECT one FROM runs_budget one WHERE id = of_budget);
    open_calls uuid[];
BEGIN
    IF budget.month > runs_month(clock_timestamp()) THEN
        RETURN;
    END IF;
    open_calls := ARRAY(
        SELECT call.id
        FROM runs_run run
        JOIN runs_runitem item ON item.run_id = run.id
        JOIN runs_providercall call ON call.item_id = item.id
        WHERE (budget.run_id IS NULL OR run.id = budget.run_id)
          AND (budget.project_id IS NULL OR run.project_id = budget.project_id)
          AND (budget.month IS NULL OR runs_month(call.started_at) = budget.month)
          AND (
              call.outcome = 'STARTED' OR runs_call_certainty(
                  call.outcome, call.input_tokens, call.possibly_billed
              ) = 'possibly'
          )
    );
    -- In the order of their ids, as whoever deletes a run.
    PERFORM FROM runs_providercall WHERE id = ANY (open_calls) ORDER BY id FOR NO KEY UPDATE;
    -- The rows of those whose cost is not known yet count themselves, from here on.
    UPDATE runs_providercall SET budget_ids = budget_ids || of_budget
    WHERE id = ANY (open_calls) AND (
        outcome = 'STARTED'
        OR runs_call_certainty(outcome, input_tokens, possibly_billed) = 'possibly'
    );
    UPDATE runs_budget SET
        spent_micro_usd = spent_micro_usd + COALESCE(known.spent, 0),
        possibly_micro_usd = possibly_micro_usd + COALESCE(known.possibly, 0)
    FROM (
        SELECT SUM(cost_micro_usd) FILTER (WHERE certainty = 'billed') AS spent,
               SUM(cost_micro_usd) FILTER (WHERE certainty = 'possibly') AS possibly
        FROM runs_ledgerline line
        WHERE (budget.run_id IS NULL OR line.run_id = budget.run_id)
          AND (budget.project_id IS NULL OR line.project_id = budget.project_id)
          AND (budget.month IS NULL OR runs_month(line.at) = budget.month)
          AND NOT EXISTS (
              SELECT FROM runs_ledgerline later
              WHERE later.call_id = line.call_id AND later.corrects = line.id
          )
          AND NOT EXISTS (
              SELECT FROM runs_providercall WHERE id = line.call_id AND of_budget = ANY (budget_ids)
          )
    ) AS known
    WHERE id = of_budget;
END $$;

-- The next month's first, which may be new: who makes a budget waits for all who begin calls, and
-- those wait for the row of the month that is.
CREATE OR REPLACE FUNCTION runs_budget_of_project() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    this date := runs_month(clock_timestamp());
BEGIN
    PERFORM runs_budget_set(
        'project', NULL, NEW.id, (this + interval '1 month')::date, NEW.monthly_budget_micro_usd
    );
    PERFORM runs_budget_set('project', NULL, NEW.id, this, NEW.monthly_budget_micro_usd);
    RETURN NULL;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("runs", "0030_monthly_budgets")]

    operations = [
        migrations.AddField(
            model_name="worker",
            name="monthly_budget_micro_usd",
            field=models.BigIntegerField(blank=True, null=True),
        ),
        # Backwards: the functions before did the same in another order.
        migrations.RunSQL(IN_ORDER, migrations.RunSQL.noop),
    ]
