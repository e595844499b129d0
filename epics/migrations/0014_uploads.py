from django.db import migrations, models
from django.db.models.functions import Length

#: A function, for its statements see what was committed while it waited for the project. Callers
#: hold the rows that they are going to delete already gone.
FREE_CODES = """
CREATE FUNCTION epics_free_codes(rows_of regclass, of_project uuid, letter text, wanted bigint)
RETURNS TABLE (place bigint, code text, "order" bigint) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM epics_project WHERE id = of_project FOR NO KEY UPDATE;
    RETURN QUERY EXECUTE format($query$
        WITH taken AS (
            SELECT upper(code) AS code, "order" FROM %s WHERE project_id = $1
        ), last AS (
            SELECT COALESCE(MAX("order"), -1) AS "order", COUNT(*) AS taken FROM taken
        )
        SELECT ROW_NUMBER() OVER (ORDER BY number), $2 || number,
               last."order" + ROW_NUMBER() OVER (ORDER BY number)
        FROM last, generate_series(last."order" + 2, last."order" + 1 + last.taken + $3) AS number
        WHERE upper($2 || number) NOT IN (SELECT taken.code FROM taken)
        ORDER BY number
        LIMIT $3
    $query$, rows_of) USING of_project, letter, wanted;
END $$;
"""
NO_FREE_CODES = "DROP FUNCTION epics_free_codes(regclass, uuid, text, bigint);"


def characters_count(apps, schema_editor):
    apps.get_model("epics", "Upload").objects.update(characters=Length("text"))


class Migration(migrations.Migration):
    dependencies = [
        ("epics", "0013_independent_epics"),
    ]

    operations = [
        migrations.AddField(
            model_name="upload",
            name="characters",
            field=models.PositiveIntegerField(default=0),
            preserve_default=False,
        ),
        migrations.RunPython(characters_count, migrations.RunPython.noop),
        # What runs know is read of them.
        migrations.RemoveField(model_name="upload", name="error"),
        migrations.RunSQL(FREE_CODES, NO_FREE_CODES),
    ]
