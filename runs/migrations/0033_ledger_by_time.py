"""The ledger of all projects is read by time."""

from django.contrib.postgres.indexes import BrinIndex
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations


class Migration(migrations.Migration):
    atomic = False  # calls are booked meanwhile

    dependencies = [
        ("runs", "0032_batches_outlive_runs"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="ledgerline",
            index=BrinIndex(autosummarize=True, fields=["at"], name="ledger_at"),
        ),
    ]
