"""A run's phase is told from its lanes and epics, and kept nowhere."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("runs", "0010_gate_actions"),
    ]

    operations = [
        migrations.RemoveField(model_name="run", name="phase"),
    ]
