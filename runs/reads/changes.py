"""What a run did to the content of its targets, item by item.

What it added where nothing was before is told by its rows, as long as they are there; all else by
the changes that were written with them (`epics.models.ContentChange`).
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db.models import Func, IntegerField, OuterRef, QuerySet, Subquery, Sum, UUIDField
from django.db.models.expressions import Combinable, F
from django.db.models.fields.json import KeyTextTransform, KeyTransform
from django.db.models.functions import Cast, Coalesce

from content.kind import Made
from content.registry import kind_named
from epics.history import api_name
from epics.models import ContentChange
from epics.registry import Content, content_of
from runs.models import RunItem

Told = dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class ItemChanges:
    """What a run did with one item's content: `{code, fields}` each, as a history has them, but of
    what was added where nothing was before the code alone."""

    item: RunItem
    added: list[Told] = field(default_factory=list)
    removed: list[Told] = field(default_factory=list)
    changed: list[Told] = field(default_factory=list)


def item_changes(items: Sequence[RunItem]) -> list[ItemChanges]:
    """Of these items of one run, in two queries."""
    found = {item.target_id: ItemChanges(item=item) for item in items}
    before: set[tuple[UUID, str]] = set()
    for change in _changes(items).order_by("id"):
        target = vars(change)["target"]
        before.add((target, change.code))
        if change.change != ContentChange.Change.SAME:
            told: list[Told] = getattr(found[target], change.change)
            told.append({"code": change.code, "fields": change.fields})
    for target, code in _rows(items):
        if (target, code) not in before:
            found[target].added.append({"code": code, "fields": {}})
    return [found[item.target_id] if item.target_id else ItemChanges(item=item) for item in items]


def changes_bytes(items: Sequence[RunItem]) -> list[int]:
    """How long what `item_changes` tells of each is, about."""
    sizes = _changes(items).order_by().values("target").annotate(size=Sum(_Bytes("fields")))
    size_of: dict[UUID, int] = defaultdict(int, sizes.values_list("target", "size"))
    return [size_of[item.target_id] if item.target_id else 0 for item in items]


class _Bytes(Func):
    template = "octet_length((%(expressions)s)::text)"
    output_field = IntegerField()


def _changes(items: Sequence[RunItem]) -> "QuerySet[Any]":
    """Those of the run's own content, each with its `target`."""
    made, content = _made(items)
    if made is None or content is None:
        return ContentChange.objects.none().annotate(target=F("parent_id"))
    changes = ContentChange.objects.filter(run_id=items[0].run_id, kind=content.kind)
    return changes.annotate(target=_target(made, content)).filter(target__in=_targets(items))


def _target(made: Made, content: Content) -> Combinable:
    """What a changed row was made of."""
    if made.target == content.parent:
        return F("parent_id")
    # Of a row that is gone, as far as its fields say so; else as the row says that has its code.
    said = [
        Cast(KeyTextTransform(side, KeyTransform(api_name(made.target), "fields")), UUIDField())
        for side in ("before", "after")
    ]
    rows = made.model._default_manager.filter(
        **{content.parent: OuterRef("parent_id")}, code=OuterRef("code")
    )
    row = Subquery(rows.order_by().values(made.target)[:1])
    return Coalesce(*said, row, output_field=UUIDField())


def _rows(items: Sequence[RunItem]) -> Iterable[tuple[UUID, str]]:
    """(target, code) of what the run wrote, and nobody replaced since."""
    made, _ = _made(items)
    if made is None:
        return []
    rows = made.model._default_manager.filter(
        run_id=items[0].run_id, **{f"{made.target}__in": _targets(items)}
    )
    return rows.order_by("order", "id").values_list(made.target, "code")


def _made(items: Sequence[RunItem]) -> tuple[Made | None, Content | None]:
    made = kind_named(items[0].kind).made if items else None
    return made, content_of(made.model) if made else None


def _targets(items: Sequence[RunItem]) -> list[UUID]:
    return [item.target_id for item in items if item.target_id]
