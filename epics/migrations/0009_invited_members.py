from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("epics", "0008_codes_in_any_case")]

    operations = [
        migrations.AddField(
            model_name="membership",
            name="invited",
            field=models.BooleanField(db_default=False, default=False),
        ),
    ]
