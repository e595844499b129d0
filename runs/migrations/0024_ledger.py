"""The ledger and budgets: tables, and the triggers on provider calls that write them.

They are statement-level triggers, which come behind all else of their statement: budgets are locked
last, in the order of their ids. Calls that ended before this have their lines from it.
"""

import django.contrib.postgres.fields
import django.db.models.functions.datetime
from django.db import migrations, models

FUNCTIONS = """
CREATE FUNCTION runs_ledgerline_keep() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the ledger is append-only';
END $$;
CREATE TRIGGER runs_ledgerline_keep BEFORE UPDATE OR DELETE ON runs_ledgerline
    FOR EACH ROW EXECUTE FUNCTION runs_ledgerline_keep();

-- What is known of a call's cost, as in runs.states.Certainty; null where nothing is to be booked.
CREATE FUNCTION runs_call_certainty(outcome text, input_tokens int, possibly_billed boolean)
RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
        WHEN outcome IN ('STARTED', 'NOT_MADE') THEN NULL
        WHEN outcome = 'ANSWERED' AND input_tokens IS NOT NULL THEN 'billed'
        WHEN outcome = 'FAILED' AND NOT possibly_billed THEN 'unbilled'
        ELSE 'possibly'
    END
$$;

-- What a call of this certainty costs; null where that is unknown.
CREATE FUNCTION runs_call_micro_usd(certainty text, cost_usd numeric, held_micro_usd bigint)
RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE certainty
        WHEN 'billed' THEN (cost_usd * 1000000)::bigint
        WHEN 'possibly' THEN held_micro_usd
        WHEN 'unbilled' THEN 0
    END
$$;

-- The first day of a moment's month.
CREATE FUNCTION runs_month(at timestamptz) RETURNS date LANGUAGE sql IMMUTABLE AS $$
    SELECT date_trunc('month', at AT TIME ZONE 'UTC')::date
$$;

-- The budgets that count a call.
CREATE FUNCTION runs_budgets_of(of_item uuid, begun timestamptz)
RETURNS bigint[] LANGUAGE plpgsql STABLE AS $$
DECLARE
    of_run uuid := (SELECT run_id FROM runs_runitem WHERE id = of_item);
    of_project uuid := (SELECT project_id FROM runs_run WHERE id = of_run);
BEGIN
    RETURN ARRAY(
        SELECT id FROM runs_budget WHERE scope = 'run' AND run_id = of_run
        UNION ALL
        SELECT id FROM runs_budget
        WHERE scope = 'project' AND project_id = of_project AND month = runs_month(begun)
        UNION ALL
        SELECT id FROM runs_budget WHERE scope = 'installation' AND month = runs_month(begun)
    );
END $$;

-- A call begins: it knows the budgets that count it.
-- The lock is had by many at a time; who makes a budget has it alone, so that each call is
-- counted in it once.
CREATE FUNCTION runs_call_begins() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(7103);
    IF EXISTS (SELECT FROM runs_budget) THEN
        NEW.budget_ids := NULLIF(runs_budgets_of(NEW.item_id, NEW.started_at), '{}');
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER runs_call_begins BEFORE INSERT ON runs_providercall
    FOR EACH ROW WHEN (NEW.outcome = 'STARTED') EXECUTE FUNCTION runs_call_begins();

-- What a budget holds and counts changes by so much. More is held only where it fits: else nothing
-- is done, by an error of class BG whose detail names the budget.
CREATE FUNCTION runs_budget_change(
    of_budget bigint, unpriced bigint, held bigint, spent bigint, possibly bigint
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE runs_budget
    SET held_micro_usd = held_micro_usd + held,
        spent_micro_usd = spent_micro_usd + spent,
        possibly_micro_usd = possibly_micro_usd + possibly
    WHERE id = of_budget AND (
        limit_micro_usd IS NULL
        OR (held <= 0 AND unpriced <= 0)
        OR (
            unpriced <= 0
            AND spent_micro_usd + spent + possibly_micro_usd + possibly
                + held_micro_usd + held <= limit_micro_usd
        )
    );
    IF NOT FOUND AND EXISTS (SELECT FROM runs_budget WHERE id = of_budget) THEN
        RAISE EXCEPTION 'no call begins that does not fit its budget'
        USING ERRCODE = CASE WHEN unpriced > 0 THEN 'BG002' ELSE 'BG001' END,
              DETAIL = json_build_object('budget', of_budget, 'need', held);
    END IF;
END $$;

-- Calls have begun: their budgets hold what they may cost.
CREATE FUNCTION runs_calls_begin() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    change record;
BEGIN
    FOR change IN
        SELECT budget_id, SUM(counted.unpriced) AS unpriced, SUM(counted.held) AS held
        FROM begun, unnest(budget_ids) AS budget_id, LATERAL runs_call_counted(
            outcome, input_tokens, possibly_billed, cost_usd, held_micro_usd
        ) AS counted
        GROUP BY budget_id
        ORDER BY budget_id
    LOOP
        PERFORM runs_budget_change(change.budget_id, change.unpriced, change.held::bigint, 0, 0);
    END LOOP;
    RETURN NULL;
END $$;
CREATE TRIGGER runs_calls_begin AFTER INSERT ON runs_providercall
    REFERENCING NEW TABLE AS begun
    FOR EACH STATEMENT EXECUTE FUNCTION runs_calls_begin();

-- Whatever becomes of calls, and whatever becomes known of them later: each that ended has a line,
-- and another that corrects it where that is not what is known any more. What the budgets hold and
-- count of a call is what its row says.
CREATE FUNCTION runs_calls_book() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    change record;
BEGIN
    INSERT INTO runs_ledgerline (
        call_id, at, project_id, run_id, item_id, model, purpose, lane, certainty, input_tokens,
        cache_read_tokens, cache_write_5m_tokens, cache_write_1h_tokens, output_tokens,
        cost_micro_usd, price_date, corrects
    )
    SELECT call.id, call.started_at, run.project_id, item.run_id, call.item_id, call.model,
           call.purpose, call.lane, call.certainty, call.input_tokens, call.cache_read_tokens,
           call.cache_write_5m_tokens, call.cache_write_1h_tokens, call.output_tokens,
           call.cost_micro_usd,
           CASE WHEN call.cost_micro_usd IS NOT NULL THEN call.price_date END, last.id
    FROM (
        SELECT id, started_at, item_id, model, purpose, lane, known.certainty,
               CASE WHEN known.certainty <> 'possibly' THEN input_tokens END AS input_tokens,
               CASE WHEN known.certainty <> 'possibly' THEN cache_read_tokens
                   END AS cache_read_tokens,
               CASE WHEN known.certainty <> 'possibly'
                   THEN cache_write_tokens - cache_write_1h_tokens END AS cache_write_5m_tokens,
               CASE WHEN known.certainty <> 'possibly' THEN cache_write_1h_tokens
                   END AS cache_write_1h_tokens,
               CASE WHEN known.certainty <> 'possibly' THEN output_tokens END AS output_tokens,
               runs_call_micro_usd(known.certainty, cost_usd, held_micro_usd) AS cost_micro_usd,
               COALESCE(price_date, (started_at AT TIME ZONE 'UTC')::date) AS price_date
        FROM after, LATERAL (
            SELECT runs_call_certainty(outcome, input_tokens, possibly_billed) AS certainty
        ) AS known
        WHERE known.certainty IS NOT NULL
    ) AS call
    LEFT JOIN LATERAL (
        SELECT * FROM runs_ledgerline WHERE call_id = call.id ORDER BY id DESC LIMIT 1
    ) AS last ON true
    LEFT JOIN LATERAL (
        SELECT run_id FROM runs_runitem WHERE id = call.item_id OFFSET 0
    ) AS item ON true
    LEFT JOIN LATERAL (
        SELECT project_id FROM runs_run WHERE id = item.run_id OFFSET 0
    ) AS run ON true
    WHERE (
        call.certainty, call.input_tokens, call.cache_read_tokens, call.cache_write_5m_tokens,
        call.cache_write_1h_tokens, call.output_tokens, call.cost_micro_usd
    ) IS DISTINCT FROM (
        last.certainty, last.input_tokens, last.cache_read_tokens, last.cache_write_5m_tokens,
        last.cache_write_1h_tokens, last.output_tokens, last.cost_micro_usd
    );

    IF NOT EXISTS (SELECT FROM after WHERE budget_ids IS NOT NULL) THEN
        RETURN NULL;
    END IF;
    FOR change IN
        SELECT id, SUM(sign * unpriced) AS unpriced, SUM(sign * held) AS held,
               SUM(sign * spent) AS spent, SUM(sign * possibly) AS possibly
        FROM (
            SELECT 1 AS sign, unnest(budget_ids) AS id, counted.*
            FROM after, LATERAL runs_call_counted(
                outcome, input_tokens, possibly_billed, cost_usd, held_micro_usd
            ) AS counted
            UNION ALL
            SELECT -1, unnest(budget_ids), counted.*
            FROM before, LATERAL runs_call_counted(
                outcome, input_tokens, possibly_billed, cost_usd, held_micro_usd
            ) AS counted
        ) AS calls
        GROUP BY id
        HAVING (SUM(sign * unpriced), SUM(sign * held), SUM(sign * spent), SUM(sign * possibly))
            <> (0, 0, 0, 0)
        ORDER BY id
    LOOP
        PERFORM runs_budget_change(
            change.id, change.unpriced, change.held::bigint, change.spent::bigint,
            change.possibly::bigint
        );
    END LOOP;
    RETURN NULL;
END $$;

-- What a budget counts of a call.
CREATE FUNCTION runs_call_counted(
    outcome text, input_tokens int, possibly_billed boolean, cost_usd numeric, held_micro_usd bigint
) RETURNS TABLE (unpriced int, held bigint, spent bigint, possibly bigint)
LANGUAGE sql IMMUTABLE AS $$
    SELECT (outcome = 'STARTED' AND held_micro_usd IS NULL)::int,
           CASE WHEN outcome = 'STARTED' THEN COALESCE(held_micro_usd, 0) ELSE 0 END,
           CASE WHEN known = 'billed' THEN COALESCE(micro_usd, 0) ELSE 0 END,
           CASE WHEN known = 'possibly' THEN COALESCE(micro_usd, 0) ELSE 0 END
    FROM (SELECT runs_call_certainty(outcome, input_tokens, possibly_billed) AS known) AS certain,
         LATERAL (SELECT runs_call_micro_usd(known, cost_usd, held_micro_usd) AS micro_usd) AS cost
$$;

CREATE TRIGGER runs_calls_book AFTER UPDATE ON runs_providercall
    REFERENCING OLD TABLE AS before NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION runs_calls_book();

-- Set what may be spent, null for no limit; the budget's id, null where there is none and none is
-- needed. A new one counts what its calls have cost, and those that are under way. Whoever makes
-- one of a run has the run's row.
CREATE FUNCTION runs_budget_set(
    of_scope text, of_run uuid, of_project uuid, of_month date, micro_usd bigint
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    found_id bigint;
BEGIN
    IF micro_usd IS NOT NULL AND NOT EXISTS (
        SELECT FROM runs_budget
        WHERE scope = of_scope AND run_id IS NOT DISTINCT FROM of_run
          AND project_id IS NOT DISTINCT FROM of_project AND month IS NOT DISTINCT FROM of_month
    ) THEN
        IF of_scope <> 'run' THEN
            PERFORM pg_advisory_xact_lock(7103);
        END IF;
        INSERT INTO runs_budget (scope, run_id, project_id, month)
        VALUES (of_scope, of_run, of_project, of_month)
        ON CONFLICT DO NOTHING
        RETURNING id INTO found_id;
        IF found_id IS NOT NULL THEN
            PERFORM runs_budget_begin(found_id);
        END IF;
    END IF;
    SELECT id INTO found_id FROM runs_budget
    WHERE scope = of_scope AND run_id IS NOT DISTINCT FROM of_run
      AND project_id IS NOT DISTINCT FROM of_project AND month IS NOT DISTINCT FROM of_month;
    UPDATE runs_budget SET limit_micro_usd = micro_usd, told_percent = 0
    WHERE id = found_id AND limit_micro_usd IS DISTINCT FROM micro_usd;
    RETURN found_id;
END $$;

-- A new budget counts what was before it.
CREATE FUNCTION runs_budget_begin(of_budget bigint) RETURNS void LANGUAGE plpgsql AS $$
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
"""

FORGET = """
DROP TRIGGER runs_calls_book ON runs_providercall;
DROP TRIGGER runs_calls_begin ON runs_providercall;
DROP TRIGGER runs_call_begins ON runs_providercall;
DROP TRIGGER runs_ledgerline_keep ON runs_ledgerline;
DROP FUNCTION runs_budget_set(text, uuid, uuid, date, bigint);
DROP FUNCTION runs_budget_begin(bigint);
DROP FUNCTION runs_calls_book();
DROP FUNCTION runs_calls_begin();
DROP FUNCTION runs_call_begins();
DROP FUNCTION runs_budget_change(bigint, bigint, bigint, bigint, bigint);
DROP FUNCTION runs_call_counted(text, int, boolean, numeric, bigint);
DROP FUNCTION runs_budgets_of(uuid, timestamptz);
DROP FUNCTION runs_month(timestamptz);
DROP FUNCTION runs_call_micro_usd(text, numeric, bigint);
DROP FUNCTION runs_call_certainty(text, int, boolean);
DROP FUNCTION runs_ledgerline_keep();
"""

#: Each call that has ended is booked as if it ended now.
CALLS_UP_TO_NOW = "UPDATE runs_providercall SET outcome = outcome WHERE outcome <> 'STARTED'"


class Migration(migrations.Migration):
    dependencies = [
        ("runs", "0023_rows_in_order"),
    ]

    operations = [
        migrations.AddField(
            model_name="providercall",
            name="budget_ids",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.BigIntegerField(), blank=True, null=True, size=None
            ),
        ),
        migrations.AddField(
            model_name="providercall",
            name="cache_write_1h_tokens",
            field=models.PositiveIntegerField(db_default=0, default=0, null=True),
        ),
        migrations.AddField(
            model_name="providercall",
            name="held_micro_usd",
            field=models.BigIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="providercall",
            name="lane",
            field=models.CharField(
                choices=[("realtime", "Realtime"), ("batch", "Batch")],
                db_default="realtime",
                default="realtime",
                max_length=10,
            ),
        ),
        migrations.AddField(
            model_name="providercall",
            name="price_date",
            field=models.DateField(blank=True, null=True),
        ),
        migrations.CreateModel(
            name="Budget",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "scope",
                    models.CharField(
                        choices=[
                            ("run", "Run"),
                            ("project", "Project"),
                            ("installation", "Installation"),
                        ],
                        max_length=12,
                    ),
                ),
                ("run_id", models.UUIDField(blank=True, null=True)),
                ("project_id", models.UUIDField(blank=True, null=True)),
                ("month", models.DateField(blank=True, null=True)),
                ("limit_micro_usd", models.BigIntegerField(blank=True, null=True)),
                ("spent_micro_usd", models.BigIntegerField(db_default=0, default=0)),
                ("held_micro_usd", models.BigIntegerField(db_default=0, default=0)),
                ("possibly_micro_usd", models.BigIntegerField(db_default=0, default=0)),
                ("told_percent", models.PositiveSmallIntegerField(db_default=0, default=0)),
            ],
            options={
                "ordering": ["-id"],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("scope", "run")),
                        fields=("run_id",),
                        name="budget_of_run",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("scope", "project")),
                        fields=("project_id", "month"),
                        name="budget_of_project",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("scope", "installation")),
                        fields=("month",),
                        name="budget_of_installation",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("month", None),
                                ("project_id", None),
                                ("run_id__isnull", False),
                                ("scope", "run"),
                            ),
                            models.Q(
                                ("month__isnull", False),
                                ("project_id__isnull", False),
                                ("run_id", None),
                                ("scope", "project"),
                            ),
                            models.Q(
                                ("month__isnull", False),
                                ("project_id", None),
                                ("run_id", None),
                                ("scope", "installation"),
                            ),
                            _connector="OR",
                        ),
                        name="budget_has_its_scope",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="LedgerLine",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("call_id", models.UUIDField()),
                ("at", models.DateTimeField()),
                (
                    "booked_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("project_id", models.UUIDField(null=True)),
                ("run_id", models.UUIDField(null=True)),
                ("item_id", models.UUIDField()),
                ("model", models.CharField(max_length=100)),
                ("purpose", models.CharField(max_length=20)),
                (
                    "lane",
                    models.CharField(
                        choices=[("realtime", "Realtime"), ("batch", "Batch")], max_length=10
                    ),
                ),
                (
                    "certainty",
                    models.CharField(
                        choices=[
                            ("billed", "Billed"),
                            ("possibly", "Possibly"),
                            ("unbilled", "Unbilled"),
                        ],
                        max_length=10,
                    ),
                ),
                ("input_tokens", models.PositiveIntegerField(null=True)),
                ("cache_read_tokens", models.PositiveIntegerField(null=True)),
                ("cache_write_5m_tokens", models.PositiveIntegerField(null=True)),
                ("cache_write_1h_tokens", models.PositiveIntegerField(null=True)),
                ("output_tokens", models.PositiveIntegerField(null=True)),
                ("cost_micro_usd", models.BigIntegerField(null=True)),
                ("price_date", models.DateField(null=True)),
                ("corrects", models.BigIntegerField(null=True)),
            ],
            options={
                "ordering": ["-id"],
                "indexes": [
                    models.Index(fields=["run_id"], name="ledger_of_run"),
                    models.Index(fields=["project_id", "at"], name="ledger_of_project"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("call_id", "corrects"),
                        name="ledger_line_once",
                        nulls_distinct=False,
                    )
                ],
            },
        ),
        migrations.RunSQL(FUNCTIONS, FORGET),
        migrations.RunSQL(CALLS_UP_TO_NOW, migrations.RunSQL.noop),
    ]
