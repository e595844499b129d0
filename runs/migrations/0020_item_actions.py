"""What is said of cancelled items that are no epics."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("runs", "0019_prompts_of_a_run"),
    ]

    operations = [
        migrations.AlterField(
            model_name="runaction",
            name="kind",
            field=models.CharField(
                choices=[
                    ("start", "Start"),
                    ("pause", "Pause"),
                    ("resume", "Resume"),
                    ("cancel", "Cancel"),
                    ("fail", "Fail"),
                    ("change", "Change"),
                    ("cancel-epic", "Cancel Epic"),
                    ("cancel-item", "Cancel Item"),
                    ("retry", "Retry"),
                    ("priority", "Priority"),
                    ("add", "Add"),
                ],
                max_length=20,
            ),
        ),
    ]
