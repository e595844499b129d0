import django.contrib.postgres.indexes
import django.db.models.functions.text
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("epics", "0005_story_count"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="card",
            index=models.Index(fields=["project", "title", "id"], name="card_by_title"),
        ),
        migrations.AddIndex(
            model_name="card",
            index=django.contrib.postgres.indexes.GinIndex(
                models.F("project"),
                django.contrib.postgres.indexes.OpClass(
                    django.db.models.functions.text.Upper(
                        django.db.models.functions.text.Concat(
                            "title",
                            models.Value("\n"),
                            "statement",
                            output_field=models.TextField(),
                        )
                    ),
                    name="gin_trgm_ops",
                ),
                name="card_search",
            ),
        ),
        migrations.AddIndex(
            model_name="epic",
            index=models.Index(fields=["project", "title", "id"], name="epic_by_title"),
        ),
        migrations.AddIndex(
            model_name="epic",
            index=django.contrib.postgres.indexes.GinIndex(
                models.F("project"),
                django.contrib.postgres.indexes.OpClass(
                    django.db.models.functions.text.Upper(
                        django.db.models.functions.text.Concat(
                            "title",
                            models.Value("\n"),
                            "description",
                            output_field=models.TextField(),
                        )
                    ),
                    name="gin_trgm_ops",
                ),
                name="epic_search",
            ),
        ),
    ]
