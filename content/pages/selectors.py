"""Reads of pages; a list is one query, whatever stands in it."""

from uuid import UUID

from django.db.models import Q, QuerySet

from batchgen.errors import NotFound
from content.pages.models import PAGE_TEXT, Page
from epics.access import Role, Somebody, project_require
from epics.models import Membership, Project

#: What `Page.has_content` says of one.
HAS_CONTENT = Q(generated_at__isnull=False) | Q(edited_at__isnull=False)


def pages_list(
    *,
    project: Project,
    page_type: str = "",
    content_status: str = "",
    review_status: str = "",
    language: str = "",
    search: str = "",
) -> "QuerySet[Page]":
    """The project's pages.

    Args:
        review_status: of those that have content.
        language: in any case; pages without one are in the project's.
        search: part of the title or the address, in any case.
    """
    exact = {"page_type": page_type, "content_status": content_status}
    pages = Page.objects.filter(project=project, **{key: to for key, to in exact.items() if to})
    if review_status:
        pages = pages.filter(HAS_CONTENT, review_status=review_status)
    if language:
        inherited = language.casefold() == project.language.casefold()
        named = Q(language__iexact=language)
        pages = pages.filter(named | Q(language="") if inherited else named)
    if search:
        pages = pages.alias(text=PAGE_TEXT).filter(text__icontains=search)
    return pages


def page_for(*, page_id: UUID, user: Somebody, role: Membership.Role = Role.VIEWER) -> Page:
    """A page, where the user has at least this role in its project.

    Raises:
        NotFound, Forbidden: as `epics.access.project_require`.
    """
    page = Page.objects.select_related("project").filter(pk=page_id).first()
    if page is None:
        raise NotFound
    project_require(user=user, project=page.project, role=role)
    return page
