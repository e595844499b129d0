from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("runs", "0004_keep_edited"),
    ]

    operations = [
        migrations.AlterField(
            model_name="run",
            name="type",
            field=models.CharField(
                choices=[
                    ("GENERATE_STORIES", "Generate Stories"),
                    ("GENERATE_ALL_STORIES", "Generate All Stories"),
                ],
                max_length=30,
            ),
        ),
    ]
