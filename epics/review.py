"""Reviews: what people approve or reject, of the version that they saw."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from django.contrib.auth.models import User
from django.db import transaction

from epics.history import Differences, change_of
from epics.models import ContentChange, Written
from epics.registry import content_named


@dataclass(frozen=True, kw_only=True, slots=True)
class Reviewed:
    """What came of a review.

    Attributes:
        conflicts: {id: version} of rows with another version by now; None: there is no such row in
            the project, or no more, or none with content.
    """

    changed: int
    unchanged: int
    conflicts: Mapping[UUID, int | None]


@transaction.atomic
def review_set(
    *,
    project_id: UUID,
    kind: str,
    versions: Mapping[UUID, int],
    status: str,
    note: str = "",
    user: User | None = None,
) -> Reviewed:
    """Give these rows of the project this review status and note, where they have these versions.

    The version stays: it is that of the content, and the review is bound to it. A run that is about
    to replace one of the rows waits, and keeps what was approved; or it was quicker, and the row is
    among the conflicts.
    """
    content = content_named(kind)
    model = content.model
    written = model._default_manager.filter(content.written, project_id=project_id)
    rows = written.filter(pk__in=versions).order_by("pk")
    held = {row.pk: row for row in rows.select_for_update(no_key=True)}
    seen = [row for pk, row in held.items() if row.version == versions[pk]]
    wanted = {"review_status": status, "review_note": note}
    changes = {row.pk: (row, changed) for row in seen if (changed := _differences(row, wanted))}
    model._default_manager.filter(pk__in=changes).update(**wanted)
    ContentChange.objects.bulk_create(
        change_of(row, changed, user=user) for row, changed in changes.values()
    )
    return Reviewed(
        changed=len(changes),
        unchanged=len(seen) - len(changes),
        conflicts={
            pk: held[pk].version if pk in held else None
            for pk, version in versions.items()
            if pk not in held or held[pk].version != version
        },
    )


def _differences(row: Written, wanted: Mapping[str, str]) -> Differences:
    pairs = {name: (getattr(row, name), new) for name, new in wanted.items()}
    return {name: (old, new) for name, (old, new) in pairs.items() if old != new}
