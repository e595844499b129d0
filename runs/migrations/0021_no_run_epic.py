"""Items of epics are items: the proxy that showed them alone has no reader."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("runs", "0020_item_actions"),
    ]

    operations = [
        migrations.DeleteModel(name="RunEpic"),
    ]
