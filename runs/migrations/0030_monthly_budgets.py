"""What a project may spend in a month holds from the moment on that it is said."""

from django.db import migrations

FOLLOW = """
CREATE FUNCTION runs_budget_of_project() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    this date := runs_month(clock_timestamp());
BEGIN
    PERFORM runs_budget_set('project', NULL, NEW.id, this, NEW.monthly_budget_micro_usd);
    PERFORM runs_budget_set(
        'project', NULL, NEW.id, (this + interval '1 month')::date, NEW.monthly_budget_micro_usd
    );
    RETURN NULL;
END $$;
CREATE TRIGGER runs_budget_of_project AFTER INSERT ON epics_project
    FOR EACH ROW WHEN (NEW.monthly_budget_micro_usd IS NOT NULL)
    EXECUTE FUNCTION runs_budget_of_project();
CREATE TRIGGER runs_budget_of_project_changed AFTER UPDATE ON epics_project
    FOR EACH ROW WHEN (
        OLD.monthly_budget_micro_usd IS DISTINCT FROM NEW.monthly_budget_micro_usd
    )
    EXECUTE FUNCTION runs_budget_of_project();
"""
FORGET = """
DROP TRIGGER runs_budget_of_project_changed ON epics_project;
DROP TRIGGER runs_budget_of_project ON epics_project;
DROP FUNCTION runs_budget_of_project();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("epics", "0017_project_monthly_budget"),
        ("runs", "0029_quotes"),
    ]

    operations = [migrations.RunSQL(FOLLOW, FORGET)]
