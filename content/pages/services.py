"""Every write to pages but what runs store. Each service is one transaction.

A write that gives a page an address or a place takes the project's row first. A page's row is held
by whoever changes it, a run's worker too, so that each sees what the others made.
"""

from collections.abc import Mapping, Sequence, Set
from copy import copy
from uuid import UUID

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Case, F, Max, Q, QuerySet, Value, When

from batchgen.errors import NotFound, ValidationFailed
from content.pages.addresses import address_key
from content.pages.likeness import signature
from content.pages.markup import markup
from content.pages.models import Page
from epics import bounds
from epics.history import differences, edit_tell, row_remove
from epics.models import Project
from epics.registry import deletion_tell
from epics.services import PROJECT_PROMPT
from epics.writes import Changes, claim_version, project_lock

Status = Page.ContentStatus

#: What a prompt says of a page; other changes leave its content up to date.
PAGE_PROMPT = frozenset(
    {"page_type", "url", "title", "keywords", "language", "brand_voice", "components", "facts"}
)
#: What a person may write of its content.
PAGE_CONTENT = ("meta_title", "meta_description", "content_components")


@transaction.atomic
def page_create(*, project_id: UUID, fields: Changes) -> Page:
    """A new last page.

    Args:
        fields: of the model, `url` and `page_type` among them.

    Raises:
        ValidationFailed: another page has its address, or the project is full.
    """
    project_lock(project_id)
    place = place_next(project_id, 1)
    key = address_key(fields["url"])
    _refuse_taken(project_id, key)
    page = Page.objects.create(
        project_id=project_id, url_key=key, order=place, code=page_code(place), **fields
    )
    page.refresh_from_db(fields=["created_at"])
    return page


@transaction.atomic
def page_update(
    *,
    page_id: UUID,
    changes: Changes,
    content: Changes | None = None,
    version: int | None = None,
    user: User | None = None,
) -> None:
    """A person's change. New inputs make the content outdated; new content is a draft again, and
    what the quality check said of the old one is dropped with it.

    Args:
        content: those of PAGE_CONTENT that are to change.

    Raises:
        VersionConflict, NotFound: as `claim_version`.
        ValidationFailed: another page has its new address.
    """
    if "url" in changes:
        project_lock(_project_of(page_id))
    page = claim_version(Page, page_id, version)
    if "url" in changes:
        key = address_key(changes["url"])
        _refuse_taken(page.project_id, key, but=page_id)
        changes = {**changes, "url_key": key}
    before = copy(page)
    changed = page_changed(page, changes) | _content_changed(page, content or {})
    if changed:
        page.save(update_fields=changed)
    edit_tell(page, differences(before, page), user=user)


@transaction.atomic
def page_delete(*, page_id: UUID, version: int | None = None, user: User | None = None) -> bool:
    """Delete a page with its content; whether it was there.

    Raises:
        VersionConflict: it has another version than the given one by now.
    """
    page = Page.objects.filter(pk=page_id).only("project_id").first()
    if page is None:
        return False
    project_lock(page.project_id)
    deletion_tell(Page, [page_id])
    return row_remove(Page, page_id, user=user, version=version)


def page_changed(page: Page, changes: Changes) -> set[str]:
    """Change a page in memory, with what follows from it, and name what is to be saved. It must
    be held."""
    new = {name: value for name, value in changes.items() if getattr(page, name) != value}
    if new.keys() & PAGE_PROMPT:
        new["prompt_revision"] = page.prompt_revision + 1
        if page.content_status == Status.CURRENT:
            new.setdefault("content_status", Status.OUTDATED)
    return _set(page, new)


def pages_outdate(project_id: UUID, changed: Set[str]) -> None:
    """The project's texts changed, which each page's prompt has: `epics.registry` tells it."""
    if changed & {*PROJECT_PROMPT, "brand_voice"}:
        mark_outdated(Page.objects.filter(project=project_id))


def mark_outdated(pages: "QuerySet[Page]") -> None:
    """Say that their content was written from something else; a run that is at one of them is
    told by its revision."""
    # In the order in which everybody takes them.
    list(pages.select_for_update(no_key=True).order_by("id").values_list("id"))
    pages.update(
        prompt_revision=F("prompt_revision") + 1,
        content_status=Case(
            When(content_status=Status.CURRENT, then=Value(Status.OUTDATED)),
            default=F("content_status"),
        ),
    )


def project_rows(projects: "QuerySet[Project]") -> int:
    """How many pages there are, for a user's quota."""
    return Page.objects.filter(project__in=projects).count()


def place_next(project_id: UUID, more: int) -> int:
    """The order of the next page, where `more` fit. The project must be locked.

    Raises:
        ValidationFailed: they do not.
    """
    rows = Page.objects.filter(project=project_id)
    if rows.count() + more > bounds.MAX_PAGES:
        raise ValidationFailed(f"A project has at most {bounds.MAX_PAGES:,} pages.")
    last = rows.aggregate(last=Max("order"))["last"]
    return 0 if last is None else int(last) + 1


def page_code(place: int) -> str:
    return f"P{place + 1}"


def components_stored(components: Sequence[Mapping[str, str]]) -> Changes:
    """The columns of these components: their Markdown made safe, with the HTML of it, and what
    they are told to be like another page's by."""
    made = [(each, markup(each["markdown"], heading=each["heading"])) for each in components]
    rows = [
        {
            "type": each["type"],
            "heading": each["heading"],
            "markdown": safe.markdown,
            "html": safe.html,
        }
        for each, safe in made
    ]
    text = "\n".join([line for each, safe in made for line in (each["heading"], safe.text)])
    return {"content_components": rows, "signature": signature(text)}


def _project_of(page_id: UUID) -> UUID:
    project_id = Page.objects.filter(pk=page_id).values_list("project_id", flat=True).first()
    if project_id is None:
        raise NotFound
    return project_id


def _refuse_taken(project_id: UUID, key: str, *, but: UUID | None = None) -> None:
    """The project must be locked."""
    same = Page.objects.filter(Q(project=project_id, url_key=key) & ~Q(pk=but))
    if code := same.values_list("code", flat=True).first():
        raise ValidationFailed(
            "The input is not valid.", url=[f"The page {code} has this address."]
        )


def _content_changed(page: Page, content: Changes) -> set[str]:
    """As `page_changed`, for what a person writes of its content."""
    if "content_components" in content:
        content = {**content, **components_stored(content["content_components"])}
    if all(getattr(page, name) == content.get(name, getattr(page, name)) for name in PAGE_CONTENT):
        return set()
    return _set(
        page,
        {
            **content,
            "content_status": Status.CURRENT,
            "keyword_coverage": None,
            "quality_score": None,
            "defects": [],
            "review_note": "",
        },
    )


def _set(page: Page, changes: Changes) -> set[str]:
    for name, value in changes.items():
        setattr(page, name, value)
    return set(changes)
