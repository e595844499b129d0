from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("batchgen", "0003_installation"),
    ]

    operations = [
        migrations.CreateModel(
            name="EndedFamily",
            fields=[
                ("family", models.UUIDField(primary_key=True, serialize=False)),
                ("expires_at", models.DateTimeField()),
            ],
            options={
                "verbose_name_plural": "ended families",
                "indexes": [models.Index(fields=["expires_at"], name="ended_family_expiry")],
            },
        ),
    ]
