"""What the schedules run over, kind by kind: the targets, and which rows a run made of each."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from django.db.models import Model, QuerySet

from content.pages.components import DEFAULTS
from content.pages.models import Page
from content.run_types import RunType
from epics.models import Epic, Project, Story, Subtask
from tests.integration.engine.test_page_runs import pages_make
from tests.integration.engine.world import project_make

#: Of an epic, where stories are the targets.
_STORIES = 5
#: (a target's id, the run that made a row of it, the row's place), for each row.
Made = Iterable[tuple[UUID, UUID | None, int]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Book:
    """What one type of run takes and makes.

    Attributes:
        project: with so many targets.
        targets: whose every row is to be in a run.
        made: of these targets, row by row; a completed item's are 1 to as many as it created.
        options: of each run.
    """

    run_type: str
    project: Callable[[int], Project]
    targets: Callable[[Project], "QuerySet[Model]"]
    made: Callable[[list[UUID]], Made]
    options: Mapping[str, object] = field(default_factory=dict)


def _with_stories(count: int) -> Project:
    project = project_make(epics=-(-count // _STORIES))
    Story.objects.bulk_create(
        Story(
            project=project,
            epic=epic,
            code=f"{epic.code}-S{place}",
            order=place,
            title=f"Lend book {place}",
            user_story=f"As a reader, I want to lend book {place}, so that I can read it.",
            persona="Reader",
            acceptance_criteria=["Given a book, when it is lent, then it is mine."] * 2,
            priority="high",
            effort="S",
        )
        for epic in project.epics.all()
        for place in range(1, _STORIES + 1)
    )
    spare = Story.objects.filter(project=project).values_list("id", flat=True)[count:]
    Story.objects.filter(id__in=list(spare)).delete()
    return project


def _with_pages(count: int) -> Project:
    project = project_make(epics=0)
    types = tuple(DEFAULTS)
    pages = pages_make(project, count)
    for page in pages:
        page.page_type = types[page.order % len(types)]
    Page.objects.bulk_update(pages, ["page_type"], batch_size=1000)
    return project


BOOKS = {
    "stories": Book(
        run_type=RunType.GENERATE_ALL_STORIES,
        project=lambda count: project_make(epics=count),
        targets=lambda project: Epic.objects.filter(project=project),
        made=lambda ids: Story.objects.filter(epic__in=ids).values_list(
            "epic_id", "run_id", "order"
        ),
    ),
    "subtasks": Book(
        run_type=RunType.GENERATE_SUBTASKS,
        project=_with_stories,
        targets=lambda project: Story.objects.filter(project=project),
        made=lambda ids: Subtask.objects.filter(story__in=ids).values_list(
            "story_id", "run_id", "order"
        ),
    ),
    "pages": Book(
        run_type=RunType.GENERATE_PAGES,
        project=_with_pages,
        targets=lambda project: Page.objects.filter(project=project),
        # A page is its own row: it is written as a whole.
        made=lambda ids: [
            (page.id, page.run_id, 1)
            for page in Page.objects.filter(id__in=ids, run_id__isnull=False).only("run_id")
        ],
        # Hundreds of pages about the same lamps are alike, and each would be written twice.
        options={"skip_quality_check": True},
    ),
}
