"""What a deletion tells the engine takes rows in the order of all: items, then open targets."""

from django.db import migrations

ORDERED = """
CREATE OR REPLACE FUNCTION runs_targets_gone(targets uuid[])
RETURNS void LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM FROM runs_runitem WHERE target_id = ANY (targets) ORDER BY id FOR UPDATE;
    UPDATE runs_runitem SET target_id = NULL WHERE target_id = ANY (targets);
    PERFORM FROM runs_opentarget WHERE target_id = ANY (targets)
    ORDER BY kind, target_id FOR UPDATE;
    DELETE FROM runs_opentarget WHERE target_id = ANY (targets);
END $$;
"""
BEFORE = """
CREATE OR REPLACE FUNCTION runs_targets_gone(targets uuid[])
RETURNS void LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    UPDATE runs_runitem SET target_id = NULL WHERE target_id = ANY (targets);
    DELETE FROM runs_opentarget WHERE target_id = ANY (targets);
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("runs", "0022_many_lanes"),
    ]

    operations = [migrations.RunSQL(ORDERED, BEFORE)]
