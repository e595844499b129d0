"""Many pages at once: those whose address is new are made, the others get what is said of them."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import Field
from psycopg import sql

from batchgen.db.copying import rows_copy
from batchgen.db.ids import new_id
from batchgen.errors import ValidationFailed
from content.pages.addresses import address_key
from content.pages.files.page_document import same_addresses
from content.pages.models import Page
from content.pages.services import PAGE_CONTENT, page_changed, page_code, place_next
from epics.access import Role, role_hold
from epics.models import Project
from epics.quotas import storage_check, user_hold
from epics.writes import project_lock

#: Columns of a page's inputs that a list may name.
_INPUTS = (
    "page_type",
    "url",
    "title",
    "keywords",
    "language",
    "brand_voice",
    "components",
    "facts",
    "sku_count",
    "monthly_searches",
    "content_status",
    "deadline",
    "priority",
)
_WRITTEN = (*_INPUTS, "prompt_revision")
#: What only new pages take: content, and what was said of it.
_CONTENT = (
    *PAGE_CONTENT,
    "keyword_coverage",
    "quality_score",
    "defects",
    "signature",
    "generated_at",
    "edited_at",
    "review_status",
    "review_note",
)
_UPDATE = sql.SQL("UPDATE pages_page SET {}, version = version + 1 WHERE id = {}").format(
    sql.SQL(", ").join(
        sql.SQL("{} = {}").format(sql.Identifier(name), sql.Placeholder(name)) for name in _WRITTEN
    ),
    sql.Placeholder("id"),
)

Row = Mapping[str, Any]


def rows_of(pages: Sequence[Row]) -> list[dict[str, Any]]:
    """Pages that were sent, each with the key of its address.

    Raises:
        ValidationFailed: two of them are the same page.
    """
    rows = [{**page, "url_key": address_key(page["url"])} for page in pages]
    places = [f"pages[{index}]" for index in range(len(rows))]
    for place, message in same_addresses(rows, places, "{}.url"):
        raise ValidationFailed("The input is not valid.", **{place: [message]})
    return rows


@dataclass(frozen=True, kw_only=True, slots=True)
class Put:
    """What became of a list of pages; `page_ids` are in its order."""

    page_ids: tuple[UUID, ...]
    created: int
    updated: int

    @property
    def unchanged(self) -> int:
        return len(self.page_ids) - self.created - self.updated


@contextmanager
def pages_held(*, project_id: UUID, user: User) -> Iterator[None]:
    """A transaction for `pages_put` and what else comes of it, in which the user stays an editor.

    Who is counted is held before the role is: that shares the user's row, and of two requests that
    share it neither could hold it.

    Raises:
        NotFound, Forbidden: as `epics.access.project_require`.
    """
    with transaction.atomic():
        project_lock(project_id)
        _owner_held(project_id, user)
        role_hold(user=user, project_id=project_id, role=Role.EDITOR)
        yield


@transaction.atomic
def pages_put(*, project_id: UUID, user: User, rows: Sequence[Row]) -> Put:
    """Make or change the pages of a list, all or nothing.

    Args:
        user: who asks for it.
        rows: {column: value}, each with `url` and a `url_key` that no other row has; a column that
            a row lacks stays as it is, or is as the model has it by default.

    Raises:
        ValidationFailed: the project would have too many pages.
        QuotaReached: whose project it is would have too much stored.
    """
    project_lock(project_id)
    known = _known(project_id, [row["url_key"] for row in rows])
    new = [row for row in rows if row["url_key"] not in known]
    ids = {key: page.pk for key, page in known.items()} | _insert(project_id, user, new)
    updated = _update([(known[row["url_key"]], row) for row in rows if row["url_key"] in known])
    return Put(
        page_ids=tuple([ids[row["url_key"]] for row in rows]), created=len(new), updated=updated
    )


def _known(project_id: UUID, keys: Sequence[str]) -> dict[str, Page]:
    """Those that there are, held up to the commit, without their content."""
    pages = Page.objects.filter(project=project_id, url_key__in=keys)
    found = pages.only("url_key", *_WRITTEN).select_for_update(no_key=True).order_by("id")
    return {page.url_key: page for page in found}


def _insert(project_id: UUID, user: User, rows: Sequence[Row]) -> dict[str, UUID]:
    """The new pages' ids by the keys of their addresses."""
    if not rows:
        return {}
    first = place_next(project_id, len(rows))
    storage_check(_owner_held(project_id, user), rows=len(rows))
    ids = {row["url_key"]: new_id() for row in rows}
    # Columns for which the database has a default, which COPY does not ask for.
    given = {"review_status": "draft", "review_note": "", "signature": ""}
    usual = {"project_id": project_id, **given}
    rows_copy(
        Page,
        (
            {
                **usual,
                "id": ids[row["url_key"]],
                "order": place,
                "code": page_code(place),
                **{name: row[name] for name in ("url_key", *_INPUTS, *_CONTENT) if name in row},
            }
            for place, row in enumerate(rows, start=first)
        ),
        given=tuple(given),
    )
    return ids


def _owner_held(project_id: UUID, user: User) -> User:
    """Whose project it is. Whoever asks is held too, in one order, because a run that starts in
    this transaction counts theirs."""
    owner = Project.objects.select_related("created_by").get(pk=project_id).created_by
    for _, each in sorted({user.pk: user, owner.pk: owner}.items()):
        user_hold(each)
    return owner


def _update(pairs: Sequence[tuple[Page, Row]]) -> int:
    """Change the pages that the rows say something new of, and count them."""
    fields: dict[str, Field[Any, Any]] = {
        name: Page._meta.get_field(name)  # type: ignore[misc]  # they are plain columns
        for name in _WRITTEN
    }
    changed = [page for page, row in pairs if page_changed(page, _inputs(row))]
    changed.sort(key=lambda page: page.pk)
    if changed:
        with connection.cursor() as cursor:
            cursor.executemany(
                _UPDATE,
                [
                    {
                        "id": page.pk,
                        **{
                            name: field.get_db_prep_save(getattr(page, name), connection)
                            for name, field in fields.items()
                        },
                    }
                    for page in changed
                ],
            )
    return len(changed)


def _inputs(row: Row) -> dict[str, Any]:
    return {name: row[name] for name in _INPUTS if name in row}
