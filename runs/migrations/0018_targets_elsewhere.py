"""What the SQL of a content kind may ask the engine, and has to tell it.

Functions, because each statement of a volatile one sees what has been committed up to then, locks
that it waited for included; a part of the caller's statement sees what was there when that began.
"""

from django.db import migrations

FUNCTIONS = """
-- Those of these targets that other runs have, of whatever kind; whoever replaces rows leaves them.
CREATE FUNCTION runs_open_elsewhere(targets uuid[], but_run uuid)
RETURNS SETOF uuid LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    RETURN QUERY
    SELECT DISTINCT open.target_id FROM runs_opentarget open
    WHERE open.target_id = ANY (targets) AND open.run_id <> but_run;
END $$;

-- Forget targets that are deleted in the same transaction: an item of one of them makes nothing any
-- more, and one that is being finished is waited for.
CREATE FUNCTION runs_targets_gone(targets uuid[])
RETURNS void LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    UPDATE runs_runitem SET target_id = NULL WHERE target_id = ANY (targets);
    DELETE FROM runs_opentarget WHERE target_id = ANY (targets);
END $$;
"""

FORGET = """
DROP FUNCTION runs_targets_gone(uuid[]);
DROP FUNCTION runs_open_elsewhere(uuid[], uuid);
"""


class Migration(migrations.Migration):
    dependencies = [
        ("runs", "0017_story_codes_fit"),
    ]

    operations = [migrations.RunSQL(FUNCTIONS, FORGET)]
