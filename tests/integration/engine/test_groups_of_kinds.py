"""Groups of each kind of content: two projects' items end together, each with what it made."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from batchgen.db.ids import new_id
from batchgen.db.sql import Row, run
from content.pages.models import Page
from epics.models import Card, Epic, Project, Subtask
from runs.engine.claims import Claiming, lanes_claim
from runs.engine.lanes import Finishing, lanes_finish
from runs.engine.outcomes import Outcome
from runs.engine.transitions import run_finalize
from runs.models import Run, RunItem
from runs.states import ItemStatus
from tests.integration.engine import (
    test_card_runs,
    test_epics_store,
    test_page_runs,
    test_subtask_runs,
)
from tests.integration.engine.world import (
    SPEND,
    World,
    assert_counted,
    assert_open,
    project_make,
    worker_make,
)

pytestmark = pytest.mark.django_db(transaction=True)


@dataclass(frozen=True)
class Kind:
    """How a test has a project's content made."""

    #: What the project has before.
    prepare: Callable[[Project], object]
    start: Callable[[Project], Run]
    #: Of a title, as an attempt stores it.
    result: Callable[[str], dict[str, Any]]
    #: The titles that a project has.
    titles: Callable[[Project], list[str]]


KINDS = {
    "cards": Kind(
        prepare=test_card_runs.upload_make,
        start=lambda project: test_card_runs.started(project).run,
        result=lambda title: {"cards": test_card_runs.rows(title)},
        titles=lambda project: _titles(Card.objects.filter(project=project, run_id__isnull=False)),
    ),
    "epics": Kind(
        prepare=lambda project: Epic.objects.filter(project=project).delete(),
        start=lambda project: test_epics_store.start(project).run,
        result=lambda title: {"epics": [test_epics_store.row(1, [], title=title)]},
        titles=lambda project: _titles(Epic.objects.filter(project=project)),
    ),
    "subtasks": Kind(
        prepare=lambda project: test_subtask_runs.stories_make(project, each=1),
        start=lambda project: test_subtask_runs.Chain.make(project).run,
        result=lambda title: {"subtasks": test_subtask_runs.rows(title)},
        titles=lambda project: _titles(Subtask.objects.filter(project=project)),
    ),
    "pages": Kind(
        prepare=lambda project: test_page_runs.pages_make(project, 1),
        start=lambda project: test_page_runs.Chain.make(project).run,
        result=test_page_runs.result,
        titles=lambda project: _titles(Page.objects.filter(project=project), "meta_title"),
    ),
}


def _titles(rows: Any, column: str = "title") -> list[str]:
    return list(rows.values_list(column, flat=True))


@pytest.mark.parametrize("kind", KINDS)
def test_two_projects_have_each_its_own_and_again_what_replaces_it(kind: str) -> None:
    projects = [project_make(epics=1, name=name) for name in ("Library", "Shop")]
    for project in projects:
        KINDS[kind].prepare(project)
    for word in ("Old", "New"):
        _made(KINDS[kind], projects, word)
        for project in projects:
            assert KINDS[kind].titles(project) == [f"{word} {project.name}"]
    assert_open()


def _made(kind: Kind, projects: list[Project], word: str) -> None:
    """A run over each project's one target, whose items are claimed and end in one group."""
    started = {kind.start(project).pk: project for project in projects}
    worker = worker_make(f"{word}@test")
    fences = [
        fence
        for run_ in Run.objects.filter(pk__in=started)
        for fence in World(run=run_, worker=worker).fences()
    ]
    claiming = [Claiming(fence=fence, call_id=new_id()) for fence in fences]
    claims = [claim for claim in run(lanes_claim(claiming, worker_id=worker.id)) if claim]
    ends = [
        Finishing(
            fence=claim.fence,
            call_id=claim.call_id,
            outcome=Outcome(
                status=ItemStatus.COMPLETED,
                message="Done",
                result=kind.result(f"{word} {started[claim.run_id].name}"),
            ),
            spend=SPEND,
            park_s=0,
        )
        for claim in claims
    ]
    for claim in claims:
        assert claim.input
        assert claim.input["project"]["name"] == started[claim.run_id].name
    moved: list[Row | None] = run(lanes_finish(ends))
    assert all(moved)
    assert [end.fence.item_id for end in ends] == [fence.item_id for fence in fences]
    for run_id in started:
        assert list(RunItem.objects.filter(run=run_id).values_list("created", "kept")) == [(1, 0)]
        assert_counted(Run.objects.get(pk=run_id), kept=False)
        run_finalize(run_id=run_id)
