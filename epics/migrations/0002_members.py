from django.db import migrations, models

import batchgen.db.ids

# The ids were numbers of their own table, to which nothing refers.
UUIDS = """
ALTER TABLE epics_membership ALTER COLUMN id DROP IDENTITY;
ALTER TABLE epics_membership ALTER COLUMN id TYPE uuid USING gen_random_uuid();
"""

# Creators were owners without a row until now.
CREATORS = """
INSERT INTO epics_membership (id, project_id, user_id, role)
SELECT gen_random_uuid(), id, created_by_id, 'owner' FROM epics_project
ON CONFLICT (project_id, user_id) DO UPDATE SET role = 'owner';
"""


class Migration(migrations.Migration):
    dependencies = [("epics", "0001_initial")]

    operations = [
        migrations.RunSQL(
            UUIDS,
            state_operations=[
                migrations.AlterField(
                    model_name="membership",
                    name="id",
                    field=models.UUIDField(
                        default=batchgen.db.ids.new_id,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
            ],
        ),
        migrations.RunSQL(CREATORS),
        migrations.AddIndex(
            model_name="membership",
            index=models.Index(fields=["project", "id"], name="membership_of_project"),
        ),
    ]
