"""Items of runs are of any kind: they refer to their targets by id, and name no epic any more.

Columns, tables, constraints and indexes are renamed where they are; no table is written anew.
"""

from typing import Any

import django.db.models.deletion
from django.db import migrations, models

_OPEN = ("PENDING", "GENERATING")
_COLUMNS = {"epic_id": "target_id"}
_INDEXES = {
    "run_epic_in_order": "run_item_in_order",
    "run_epic_open": "run_item_open",
    "run_epic_failed": "run_item_failed",
    "run_epic_ended": "run_item_ended",
    "lane_carries_one_epic": "lane_carries_one_item",
}
_CONSTRAINTS = {
    "epic_once_in_run": "target_once_in_run",
    "run_epic_ended_when_final": "run_item_ended_when_final",
    "run_epic_generates_in_a_lane": "run_item_generates_in_a_lane",
    "runs_runepic_pkey": "runs_runitem_pkey",
}


def _rename(*, back: bool = False) -> str:
    whats = [
        *[("COLUMN", *each) for each in _COLUMNS.items()],
        *[("CONSTRAINT", *each) for each in _CONSTRAINTS.items()],
    ]
    table = [
        f"ALTER TABLE runs_runitem RENAME {what} {new if back else old} TO {old if back else new};"
        for what, old, new in whats
    ]
    indexes = [
        f"ALTER INDEX {new if back else old} RENAME TO {old if back else new};"
        for old, new in _INDEXES.items()
    ]
    return "".join(table + indexes)


def _permissions(old: str, new: str) -> Any:
    """Django renames the model's content type, and not what users may do with it."""

    def rename(apps: Any, _: Any) -> None:
        permissions = apps.get_model("auth", "Permission").objects.filter(
            content_type__app_label="runs"
        )
        for action in ("add", "change", "delete", "view"):
            permissions.filter(codename=f"{action}_{old.replace(' ', '')}").update(
                codename=f"{action}_{new.replace(' ', '')}", name=f"Can {action} {new}"
            )

    return rename


class Migration(migrations.Migration):
    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("epics", "0009_invited_members"),
        ("runs", "0012_shares"),
    ]

    operations = [
        migrations.AlterField(
            model_name="runepic",
            name="epic",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="run_epics",
                to="epics.epic",
            ),
        ),
        # Undone, before epics are referred to: a target that is gone, or of another kind, is none.
        migrations.RunSQL(
            migrations.RunSQL.noop,
            """
            UPDATE runs_runepic SET epic_id = NULL
            WHERE epic_id IS NOT NULL
              AND NOT EXISTS (SELECT FROM epics_epic WHERE id = runs_runepic.epic_id)
            """,
        ),
        migrations.RenameModel(old_name="RunEpic", new_name="RunItem"),
        migrations.RunPython(
            _permissions("run epic", "run item"), _permissions("run item", "run epic")
        ),
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(_rename(), _rename(back=True))],
            state_operations=[
                *[
                    migrations.RemoveConstraint(model_name="runitem", name=name)
                    for name in (
                        "epic_once_in_run",
                        "lane_carries_one_epic",
                        "run_epic_ended_when_final",
                        "run_epic_generates_in_a_lane",
                    )
                ],
                migrations.RemoveIndex(model_name="runitem", name="run_epic_failed"),
                *[
                    migrations.RenameIndex(
                        model_name="runitem", old_name=old, new_name=_INDEXES[old]
                    )
                    for old in ("run_epic_in_order", "run_epic_open", "run_epic_ended")
                ],
                migrations.RemoveField(model_name="runitem", name="epic"),
                migrations.AddField(
                    model_name="runitem", name="target_id", field=models.UUIDField(null=True)
                ),
                migrations.AlterField(
                    model_name="runitem",
                    name="run",
                    field=models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="items",
                        to="runs.run",
                    ),
                ),
                migrations.AddIndex(
                    model_name="runitem",
                    index=models.Index(
                        condition=models.Q(("status", "FAILED"), ("target_id__isnull", False)),
                        fields=["run"],
                        name="run_item_failed",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="runitem",
                    constraint=models.UniqueConstraint(
                        fields=("target_id", "run"), name="target_once_in_run"
                    ),
                ),
                migrations.AddConstraint(
                    model_name="runitem",
                    constraint=models.UniqueConstraint(
                        condition=models.Q(("status__in", _OPEN)),
                        fields=("lane",),
                        name="lane_carries_one_item",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="runitem",
                    constraint=models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("completed_at__isnull", True), ("status__in", _OPEN)),
                            models.Q(
                                ("completed_at__isnull", False),
                                models.Q(("status__in", _OPEN), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="run_item_ended_when_final",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="runitem",
                    constraint=models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("status", "GENERATING"), _negated=True),
                            ("lane__isnull", False),
                            _connector="OR",
                        ),
                        name="run_item_generates_in_a_lane",
                    ),
                ),
            ],
        ),
        migrations.AddField(
            model_name="runitem",
            name="kind",
            field=models.CharField(default="stories", max_length=20),
            preserve_default=False,
        ),
        *[
            migrations.RenameField(model_name=model, old_name=old, new_name=new)
            for model, old, new in (
                ("runitem", "epic_code", "code"),
                ("runitem", "epic_title", "title"),
                ("runitem", "stories_created", "created"),
                ("runitem", "stories_kept", "kept"),
                ("run", "total_epics", "total_items"),
                ("lane", "generation", "fencing_token"),
                ("lane", "strain", "rate_limit_streak"),
                ("lane", "stories", "created"),
                ("lane", "stories_kept", "kept"),
                ("runlog", "epic_code", "item_code"),
                ("providercall", "run_epic", "item"),
            )
        ],
        migrations.CreateModel(
            name="OpenTarget",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "kind",
                        "target_id",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("kind", models.CharField(max_length=20)),
                ("target_id", models.UUIDField()),
                (
                    "run",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="runs.run",
                    ),
                ),
            ],
        ),
        migrations.RunSQL(
            """
            INSERT INTO runs_opentarget (kind, target_id, run_id)
            SELECT 'stories', epic_id, run_id FROM runs_openepic
            """,
            """
            INSERT INTO runs_openepic (epic_id, run_id)
            SELECT target_id, run_id FROM runs_opentarget
            """,
        ),
        migrations.DeleteModel(name="OpenEpic"),
        migrations.CreateModel(
            name="RunEpic",
            fields=[],
            options={"proxy": True, "indexes": [], "constraints": []},
            bases=("runs.runitem",),
        ),
    ]
