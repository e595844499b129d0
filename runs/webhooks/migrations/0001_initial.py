"""Webhooks, their deliveries, and the trigger that writes down items that failed."""

import django.contrib.postgres.fields
import django.contrib.postgres.functions
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

import batchgen.db.ids

# Asked of each row whose status is set; the function runs for those that fail alone. It reads the
# hooks without a lock, and the row that it adds refers to the hook by its id alone: an item's end
# waits for nobody who changes or deletes one.
ITEM_FAILED = """
CREATE FUNCTION webhooks_item_failed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO webhooks_delivery (hook_id, type, at, ordering_key, run_id, item_id)
    SELECT hook.id, 'item.failed', clock_timestamp(), NEW.run_id::text, NEW.run_id, NEW.id
    FROM runs_run run
    JOIN webhooks_webhook hook ON hook.project_id = run.project_id
    WHERE run.id = NEW.run_id AND hook.active AND 'item.failed' = ANY(hook.events);
    RETURN NULL;
END $$;
CREATE TRIGGER webhooks_item_failed AFTER UPDATE OF status ON runs_runitem
    FOR EACH ROW WHEN (NEW.status = 'FAILED' AND OLD.status <> 'FAILED')
    EXECUTE FUNCTION webhooks_item_failed();
"""
NO_ITEM_FAILED = """
DROP TRIGGER webhooks_item_failed ON runs_runitem;
DROP FUNCTION webhooks_item_failed();
"""


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("epics", "0017_project_monthly_budget"),
        ("runs", "0030_monthly_budgets"),
    ]

    operations = [
        migrations.CreateModel(
            name="ToldGate",
            fields=[
                ("gate", models.CharField(max_length=150, primary_key=True, serialize=False)),
            ],
        ),
        migrations.CreateModel(
            name="Webhook",
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
                ("url", models.CharField(max_length=2000)),
                (
                    "events",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=20), size=None
                    ),
                ),
                ("active", models.BooleanField(default=True)),
                ("off_reason", models.CharField(blank=True, default="", max_length=300)),
                ("off_at", models.DateTimeField(blank=True, null=True)),
                ("secret_salt", models.CharField(editable=False, max_length=32)),
                ("secret_mark", models.CharField(editable=False, max_length=16)),
                (
                    "old_secret_salt",
                    models.CharField(blank=True, default="", editable=False, max_length=32),
                ),
                (
                    "old_secret_mark",
                    models.CharField(blank=True, default="", editable=False, max_length=16),
                ),
                ("rotated_at", models.DateTimeField(editable=False, null=True)),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("version", models.PositiveIntegerField(default=1)),
                (
                    "project",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="epics.project",
                    ),
                ),
            ],
            options={
                "ordering": ["created_at", "id"],
            },
        ),
        migrations.CreateModel(
            name="Delivery",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "message_id",
                    models.UUIDField(
                        db_default=django.contrib.postgres.functions.RandomUUID(),
                        editable=False,
                        unique=True,
                    ),
                ),
                (
                    "type",
                    models.CharField(
                        choices=[
                            ("run.started", "Run started"),
                            ("run.paused", "Run paused"),
                            ("run.resumed", "Run resumed"),
                            ("run.ended", "Run ended"),
                            ("run.budget", "Budget used up in part"),
                            ("item.failed", "Item failed"),
                            ("gate.closed", "Gate closed"),
                            ("gate.opened", "Gate opened"),
                            ("webhook.test", "Test"),
                        ],
                        max_length=20,
                    ),
                ),
                ("at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("ordering_key", models.CharField(max_length=150)),
                ("run_id", models.UUIDField(null=True)),
                ("item_id", models.UUIDField(null=True)),
                ("body", models.TextField(null=True)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("PENDING", "Pending"),
                            ("DELIVERED", "Delivered"),
                            ("FAILED", "Failed"),
                        ],
                        db_default="PENDING",
                        default="PENDING",
                        max_length=10,
                    ),
                ),
                ("attempts", models.PositiveIntegerField(db_default=0, default=0)),
                (
                    "due_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("first_tried_at", models.DateTimeField(null=True)),
                ("leased_until", models.DateTimeField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
                ("response_status", models.PositiveSmallIntegerField(null=True)),
                ("error", models.CharField(db_default="", default="", max_length=300)),
                ("duration_ms", models.PositiveIntegerField(null=True)),
                (
                    "hook",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="deliveries",
                        to="webhooks.webhook",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "deliveries",
                "ordering": ["-id"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("status", "PENDING")),
                        fields=["hook", "ordering_key", "id"],
                        name="delivery_pending",
                    ),
                    models.Index(
                        condition=models.Q(("leased_until__isnull", False)),
                        fields=["hook", "leased_until"],
                        name="delivery_leased",
                    ),
                    models.Index(fields=["hook", "-id"], name="delivery_of_hook"),
                    models.Index(
                        condition=models.Q(("status", "FAILED")),
                        fields=["-id"],
                        name="delivery_failed",
                    ),
                    models.Index(fields=["at"], name="delivery_expiry"),
                ],
            },
        ),
        migrations.RunSQL(ITEM_FAILED, NO_ITEM_FAILED),
    ]
