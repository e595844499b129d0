"""History: what people changed in cards, epics, stories and subtasks, field by field.

Runs write theirs in SQL (`epics_changes` of migration 0012), with the same names of fields.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, TypeVar
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models.functions import Now

from batchgen.errors import VersionConflict
from epics.models import ContentChange, ReviewStatus, Written
from epics.registry import Content, content_of

W = TypeVar("W", bound=Written)
#: {field: (before, after)}.
Differences = dict[str, tuple[Any, Any]]

_STATUS = "review_status"


def differences(before: Written, after: Written) -> Differences:
    """Of two states of a row, as far as its content goes."""
    pairs = {name: (getattr(before, name), getattr(after, name)) for name in _content(after).fields}
    return {name: (old, new) for name, (old, new) in pairs.items() if old != new}


def edit_tell(row: Written, changed: Differences, *, user: User | None) -> None:
    """A person's change of a row's content is stored: say so in the row, which is a draft again,
    and in its history. Nothing where nothing changed."""
    if not changed:
        return
    if row.review_status != ReviewStatus.DRAFT:
        changed = {**changed, _STATUS: (row.review_status, ReviewStatus.DRAFT)}
    change_of(row, changed, user=user).save(force_insert=True)
    row.edited_at = Now()
    row.review_status = ReviewStatus.DRAFT
    row.save(update_fields=["edited_at", _STATUS])


def row_remove(model: type[W], pk: UUID, *, user: User | None, version: int | None = None) -> bool:
    """A person deletes a row; whether it was there.

    Raises:
        VersionConflict: it has another version than the given one by now.
    """
    row = model._default_manager.select_for_update().filter(pk=pk).first()
    if row is None:
        return False
    if version is not None and row.version != version:
        raise VersionConflict
    names = _content(row).fields
    fields = {api_name(name): {"before": _plain(getattr(row, name))} for name in names}
    _change(row, ContentChange.Change.REMOVED, fields, user).save(force_insert=True)
    row.delete()
    return True


def code_follow(row: Written, old: str) -> None:
    """The row may have another code: what was told under the old one is told under the new one."""
    if vars(row)["code"] == old:
        return
    content = _content(row)
    told = ContentChange.objects.filter(kind=content.kind, parent_id=getattr(row, content.parent))
    told.filter(code=old).update(code=vars(row)["code"])


def change_of(row: Written, changed: Differences, *, user: User | None) -> ContentChange:
    """What changed in a row, not stored yet."""
    fields = {
        api_name(name): {"before": _plain(old), "after": _plain(new)}
        for name, (old, new) in changed.items()
    }
    return _change(row, ContentChange.Change.CHANGED, fields, user)


def api_name(column: str) -> str:
    """`userStory` of `user_story`."""
    first, *others = column.split("_")
    return first + "".join(map(str.capitalize, others))


def _change(
    row: Written, change: str, fields: Mapping[str, Any], user: User | None
) -> ContentChange:
    content = _content(row)
    return ContentChange(
        project_id=vars(row)["project_id"],
        kind=content.kind,
        parent_id=getattr(row, content.parent),
        code=vars(row)["code"],
        change=change,
        fields=fields,
        user=user,
    )


def _content(row: Written) -> Content:
    content = content_of(type(row))
    if content is None:
        raise AssertionError(f"{type(row).__name__} is not registered")
    return content


def _plain(value: Any) -> Any:
    """As JSON has it."""
    return float(value) if isinstance(value, Decimal) else value
