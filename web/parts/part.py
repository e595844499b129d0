"""One kind of what is written, as the same editor and the same list show each."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.urls import reverse
from django.utils.http import urlencode
from rest_framework.serializers import Serializer

from epics.access import Role
from epics.models import Project, ReviewStatus
from web.highlight import Piece, marked
from web.shapes import COMPONENTS, TEXTS, Field

#: {name in the address: (label, choices; none: a text)} of a list.
Filters = Mapping[str, tuple[str, tuple[tuple[str, str], ...]]]
REVIEW = ("Review", tuple(ReviewStatus.choices))


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """One kind of what is written.

    Attributes:
        kind: as reviews call it, and as its addresses are named.
        tab: of its project, where its list is.
        read: one, where a user has a role.
        update: stores a person's changes: (id, changes, version, user).
        delete: of this version: (id, version, user); whether it was there.
        below: what goes with those that are deleted, in words.
        removal: the order in which several are deleted, so that none of them changes another.
        listed: those of a project that a list's address asks for.
        text: what a list shows of one beside its title.
        above: the part that it belongs to: its code, and its address.
        links: where one leads on: (address, words).
        facts: what is said of one in a line.
        reviews: people approve and reject them: those that are `reviewable`.
    """

    kind: str
    words: tuple[str, str]
    tab: str
    fields: tuple[Field, ...]
    patch: type[Serializer[Any]]
    read: Callable[[User, UUID, Role], Any]
    update: Callable[[UUID, dict[str, Any], int, User], None]
    delete: Callable[[UUID, int, User], bool]
    listed: Callable[[Project, Mapping[str, str]], "QuerySet[Any]"]
    filters: Filters
    keys: tuple[str, ...]
    text: Callable[[Any], str]
    above: Callable[[Any], tuple[str, str] | None] = lambda row: None
    below: Callable[[Collection[UUID]], list[str]] = lambda ids: []
    removal: Callable[[Collection[UUID]], list[UUID]] = list
    links: Callable[[Any], list[tuple[str, str]]] = lambda row: []
    facts: Callable[[Any], list[str]] = lambda row: []
    title: Field
    reviews: bool = True
    reviewable: Callable[[Any], bool] = lambda row: True

    def address(self, row: Any) -> str:
        """Of one's page."""
        return reverse(f"web:{self.kind}", kwargs={f"{self.kind}_id": row.pk})

    def name(self, row: Any) -> str:
        """What one is called in a line."""
        return str(self.title.value(row) or getattr(row, "url", ""))

    def reading(self, row: Any) -> Iterator[dict[str, Any]]:
        """Its texts with the defects where they stand: {label, texts: [(heading, text)]}."""
        defects = getattr(row, "defects", [])
        for field in self.fields:
            if not field.read:
                continue
            texts = list(_texts(field, field.value(row), defects))
            yield {"label": field.label, "texts": texts, "several": field.shape is TEXTS}


def _texts(
    field: Field, value: Any, defects: list[Any]
) -> Iterator[tuple[list[Piece], list[Piece]]]:
    if field.shape is COMPONENTS:
        for place, row in enumerate(value):
            at = f"components[{place}]"
            heading = marked(row["heading"] or row["type"], f"{at}.heading", defects)
            yield heading, marked(row["markdown"], f"{at}.markdown", defects)
    elif isinstance(value, list):
        for place, text in enumerate(value):
            yield [], marked(text, f"{field.marks}[{place}]", defects)
    elif value:
        yield [], marked(value, field.marks, defects)


def tab_address(project_id: UUID, tab: str, **query: str) -> str:
    return f"{reverse('web:project', args=[project_id])}?{urlencode({'tab': tab, **query})}"


def reviewed(rows: "QuerySet[Any]", query: Mapping[str, str]) -> "QuerySet[Any]":
    """Those whose review is the one that a list's address asks for."""
    status = query.get("status", "")
    return rows.filter(review_status=status) if status in ReviewStatus.values else rows
