"""What a run that replaces epics has to do for those that stay."""

from django.db import migrations

INDEPENDENT = """
-- No epic of the project depends on these any more, which are deleted in the same transaction. A
-- function, so that it sees epics that somebody made while the caller waited for the project.
CREATE FUNCTION epics_independent(of_project uuid, gone text[])
RETURNS void LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    UPDATE epics_epic
    SET dependencies = ARRAY(
            SELECT before FROM unnest(dependencies) WITH ORDINALITY AS listed (before, place)
            WHERE before <> ALL (gone) ORDER BY place
        ),
        version = version + 1
    WHERE project_id = of_project AND dependencies && gone::varchar[];
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("epics", "0012_kept_and_changes"),
    ]

    operations = [migrations.RunSQL(INDEPENDENT, "DROP FUNCTION epics_independent(uuid, text[]);")]
