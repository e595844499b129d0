"""What is made under load: each kind of content, and how many rows of each a run has to have."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User

from content.export.models import ExportFile
from content.run_types import RunType
from epics.files.backlog_import import backlog_import
from epics.models import Card, Epic, Project, Upload
from tests.acceptance.faults.books import BOOKS as OF_FAULTS
from tests.acceptance.faults.books import Book, Made
from tests.factories import backlog_document
from tests.integration.engine.test_card_runs import upload_make
from tests.integration.engine.world import project_make

#: Of all projects: the name that tests/integration/engine/world.py gives theirs.
OWNER = "ada"
#: Of one upload.
_NEEDS = 5
#: Cards of a project whose epics are made.
_CARDS = 12


@dataclass(frozen=True, kw_only=True, slots=True)
class Work:
    """What a run is about.

    Attributes:
        weight: how often it comes, beside others.
        targets: at least, and at most.
        options: as the API takes them.
        asks: it calls the provider, and so has a lane of money and a budget.
    """

    book: Book
    weight: int
    targets: tuple[int, int]
    options: Mapping[str, Any]
    asks: bool = True


def _with_uploads(count: int) -> Project:
    project = project_make(epics=1)
    Card.objects.filter(project=project).delete()
    for number in range(count):
        lines = [
            f"Ann: I want to see list {number}-{place} before noon, every single day."
            for place in range(_NEEDS)
        ]
        upload_make(project, f"call-{number}.txt", "\n\n".join(lines))
    return project


def _with_cards(count: int) -> Project:
    document = backlog_document(epics=count, cards=_CARDS // count)
    owner = User.objects.get(username=OWNER)
    return backlog_import(user=owner, document={**document, "epics": []})


def _placed(rows: Iterable[tuple[UUID, UUID | None]]) -> Iterator[tuple[UUID, UUID | None, int]]:
    """With each row's place among those of its target."""
    counts: Counter[UUID] = Counter()
    for target, run in rows:
        counts[target] += 1
        yield target, run, counts[target]


def _cards(uploads: list[UUID]) -> Made:
    cards = Card.objects.filter(upload__in=uploads).order_by("order")
    return _placed((card.upload_id, card.run_id) for card in cards if card.upload_id)


def _epics(projects: list[UUID]) -> Made:
    epics = Epic.objects.filter(project__in=projects).order_by("order")
    return _placed((epic.project_id, epic.run_id) for epic in epics)


def _files(projects: list[UUID]) -> Made:
    files = ExportFile.objects.filter(project__in=projects).order_by("created_at")
    return _placed((file.project_id, file.run_id) for file in files)


WORKS = {
    "stories": Work(book=OF_FAULTS["stories"], weight=4, targets=(4, 10), options={}),
    "subtasks": Work(book=OF_FAULTS["subtasks"], weight=3, targets=(5, 10), options={}),
    "pages": Work(
        book=OF_FAULTS["pages"],
        weight=3,
        targets=(4, 10),
        options={"skipQualityCheck": True},
    ),
    "cards": Work(
        book=Book(
            run_type=RunType.ANALYZE_CARDS,
            project=_with_uploads,
            targets=lambda project: Upload.objects.filter(project=project),
            made=_cards,
        ),
        weight=2,
        targets=(2, 4),
        options={},
    ),
    "epics": Work(
        book=Book(
            run_type=RunType.GENERATE_EPICS,
            project=_with_cards,
            targets=lambda project: Project.objects.filter(pk=project.pk),
            made=_epics,
        ),
        weight=1,
        targets=(2, 4),
        options={},
    ),
    "export": Work(
        book=Book(
            run_type=RunType.EXPORT,
            project=OF_FAULTS["stories"].project,
            targets=lambda project: Project.objects.filter(pk=project.pk),
            made=_files,
        ),
        weight=1,
        targets=(2, 6),
        options={"format": "json"},
        asks=False,
    ),
}
