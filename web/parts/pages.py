"""Pages of a website, as they are listed, read, edited and reviewed."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.urls import reverse

from content.pages.api.serializers import PagePatch
from content.pages.models import Page
from content.pages.selectors import page_for, pages_list
from content.pages.services import page_delete, page_update
from epics import bounds
from epics.access import Role
from epics.models import Project, ReviewStatus
from web.parts.part import REVIEW, Part
from web.shapes import CHOICE, COMPONENTS, NUMBER, WORDS, Field


def _page(user: User, page_id: UUID, role: Role) -> Page:
    return page_for(page_id=page_id, user=user, role=role)


def _page_update(page_id: UUID, changes: dict[str, Any], version: int, user: User) -> None:
    content = changes.pop("content", None)
    page_update(page_id=page_id, changes=changes, content=content, version=version, user=user)


def _page_delete(page_id: UUID, version: int, user: User) -> bool:
    return page_delete(page_id=page_id, version=version, user=user)


def _pages(project: Project, query: Mapping[str, str]) -> "QuerySet[Page]":
    def one_of(name: str, values: list[str]) -> str:
        return query.get(name, "") if query.get(name) in values else ""

    return pages_list(
        project=project,
        page_type=one_of("type", Page.Type.values),
        content_status=one_of("content", Page.ContentStatus.values),
        review_status=one_of("status", ReviewStatus.values),
        language=query.get("language", ""),
        search=query.get("q", ""),
    )


def _page_facts(row: Page) -> list[str]:
    facts = [row.url, row.page_type, f"content {row.content_status}"]
    if row.keyword_coverage is not None:
        facts.append(f"{row.keyword_coverage:.0%} of its keywords are in the text")
    return facts + [f"{name}: {value}" for name, value in row.facts.items()]


PAGE = Part(
    kind="page",
    words=("page", "pages"),
    tab="pages",
    title=Field(name="title", label="Title", column="title", most=bounds.TITLE_CHARS, read=False),
    fields=(
        Field(name="title", label="Title", column="title", most=bounds.TITLE_CHARS, read=False),
        Field(
            name="url",
            label="Address",
            column="url",
            most=bounds.URL_CHARS,
            required=True,
            read=False,
        ),
        Field(
            name="pageType",
            label="Type",
            column="page_type",
            shape=CHOICE,
            choices=tuple(Page.Type.choices),
            read=False,
        ),
        Field(
            name="keywords",
            label="Keywords",
            column="keywords",
            shape=WORDS,
            help="One a line; the first is the one that matters most.",
        ),
        Field(
            name="language",
            label="Language",
            column="language",
            most=bounds.CODE_CHARS,
            help="Empty: the project's.",
        ),
        Field(
            name="priority",
            label="Priority",
            column="priority",
            shape=NUMBER,
            most=10,
            help="0 to 10; the highest comes first.",
            read=False,
        ),
        Field(
            name="content.metaTitle",
            label="Meta title",
            column="meta_title",
            most=bounds.META_TITLE_CHARS,
            marks="metaTitle",
        ),
        Field(
            name="content.metaDescription",
            label="Meta description",
            column="meta_description",
            most=bounds.META_DESCRIPTION_CHARS,
            marks="metaDescription",
        ),
        Field(
            name="content.components",
            label="Content",
            column="content_components",
            shape=COMPONENTS,
        ),
    ),
    patch=PagePatch,
    read=_page,
    update=_page_update,
    delete=_page_delete,
    listed=_pages,
    filters={
        "type": ("Type", tuple(Page.Type.choices)),
        "content": ("Content", tuple(Page.ContentStatus.choices)),
        "language": ("Language", ()),
        "status": REVIEW,
    },
    keys=("order", "id"),
    text=lambda row: row.url,
    links=lambda row: [
        (
            f"{reverse('web:start', args=[row.project_id])}?type=GENERATE_PAGES&target={row.pk}",
            "Write it again" if row.has_content else "Write it",
        )
    ],
    facts=_page_facts,
    reviewable=lambda row: bool(row.has_content),
)
