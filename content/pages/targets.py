"""The pages that content can be written for, in the order in which a run takes them."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet, TextField
from django.db.models.functions import Cast, Length

from batchgen.db.clock import database_now
from batchgen.errors import ValidationFailed
from content.kind import Target
from content.pages.components import DEFAULTS
from content.pages.models import Page
from content.pages.options import PagesOptions
from content.pages.priority import PageFacts, page_place, page_priority
from content.pages.prompts.rendering import PROMPTS
from content.prompts import fenced
from epics.models import Project, ReviewStatus

#: Rough size of what stands around a page in its prompt, and characters to a token.
_AROUND_CHARACTERS = 1_000
_CHARACTERS_PER_TOKEN = 3.6
_ALL_KEPT = (
    "All pages of this project were edited or approved, and the run keeps them. Name some, or set "
    "keepEdited or keepApproved to false."
)
_READ = (
    *("code", "order", "page_type", "url", "title", "keywords", "components"),
    *("sku_count", "monthly_searches", "content_status", "deadline", "priority"),
)


def pages_to_write(
    project: Project, ids: Sequence[UUID] | None, options: PagesOptions
) -> list[Target]:
    """The project's pages, or those of these ids, in order, with `PageFacts`.

    Of a whole project those are left out that the run keeps: there is nothing to do for them. One
    that is named is an item, which ends as kept.

    Raises:
        ValidationFailed: all are left out.
    """
    whole = Page.objects.filter(project=project)
    pages = _replaced(whole, options) if ids is None else whole.filter(id__in=ids)
    read_at = database_now()
    fixed = _fixed_characters(project)
    # Not their contents, which are much the most of a row.
    read = pages.only(*_READ).annotate(facts_characters=Length(Cast("facts", TextField())))
    found = [(_facts(page, read_at), page) for page in read.order_by("order", "id")]
    if ids is None and not found and whole.exists():
        raise ValidationFailed(_ALL_KEPT, targetIds=[_ALL_KEPT])
    found.sort(key=lambda pair: page_place(pair[0]))
    return [_target(page, facts, fixed) for facts, page in found]


def pages_kept(project: Project, options: PagesOptions) -> int:
    """How many of the project's pages are left out."""
    whole = Page.objects.filter(project=project)
    return whole.count() - _replaced(whole, options).count()


def _replaced(pages: QuerySet[Page], options: PagesOptions) -> QuerySet[Page]:
    """Without those that `epics_kept` says are kept."""
    if options.keep_edited:
        pages = pages.filter(edited_at__isnull=True)
    if options.keep_approved:
        pages = pages.exclude(review_status=ReviewStatus.APPROVED)
    return pages


def _facts(page: Page, read_at: datetime) -> PageFacts:
    return PageFacts(
        code=page.code,
        sku_count=page.sku_count,
        monthly_searches=page.monthly_searches,
        content_status=page.content_status,
        deadline=page.deadline,
        read_at=read_at,
        priority=page.priority,
    )


def _fixed_characters(project: Project) -> int:
    """Of what every prompt of the project has."""
    instructions = len(PROMPTS.template("instructions.md").text)
    voice = len(fenced(project.brand_voice))
    return instructions + len(project.description) + len(project.context) + voice


def _target(page: Page, facts: PageFacts, fixed: int) -> Target:
    components = page.components or DEFAULTS[page.page_type]
    own = sum(map(len, (page.title, page.url, *page.keywords, *components)))
    facts_characters: int = vars(page)["facts_characters"]
    characters = fixed + _AROUND_CHARACTERS + own + facts_characters
    return Target(
        id=page.pk,
        code=page.code,
        title=page.title or page.url,
        input_tokens=round(characters / _CHARACTERS_PER_TOKEN),
        priority=page_priority(facts),
        facts=facts,
    )
