import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

import batchgen.db.ids

STAYS = """
-- Runs keep the version that they began with.
CREATE FUNCTION content_promptset_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a version of prompts never changes: make a new one';
END $$;
CREATE TRIGGER content_promptset_stays
BEFORE UPDATE OF id, kind, version, texts, note, created_at ON content_promptset
FOR EACH ROW EXECUTE FUNCTION content_promptset_stays();
"""
MAY_CHANGE = """
DROP TRIGGER content_promptset_stays ON content_promptset;
DROP FUNCTION content_promptset_stays();
"""


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="PromptSet",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=batchgen.db.ids.new_id,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("kind", models.CharField(max_length=20)),
                ("version", models.PositiveIntegerField()),
                ("texts", models.JSONField(blank=True, default=dict)),
                ("note", models.CharField(blank=True, default="", max_length=500)),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), editable=False
                    ),
                ),
                (
                    "created_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "version of prompts",
                "verbose_name_plural": "prompts",
                "ordering": ["kind", "-version"],
                "constraints": [
                    models.UniqueConstraint(fields=("kind", "version"), name="prompt_version_once")
                ],
            },
        ),
        migrations.RunSQL(STAYS, MAY_CHANGE),
    ]
