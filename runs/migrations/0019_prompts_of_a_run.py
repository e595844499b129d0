import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("content", "0001_prompt_sets"),
        ("runs", "0018_targets_elsewhere"),
    ]

    operations = [
        migrations.AddField(
            model_name="run",
            name="prompt_set",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="content.promptset",
            ),
        ),
    ]
