"""From the last release's tables to these and back, with what only these know."""

import pytest
from django.db import connection

from content.registry import kind_started_by
from content.run_types import RunType
from epics.models import Story
from runs.engine.start import RunOptions, run_start
from runs.engine.transitions import run_finalize
from runs.models import OpenTarget, Run
from runs.states import RunStatus
from tests.database import migrated_back
from tests.integration.engine import test_card_runs as cards
from tests.integration.engine import test_page_runs as pages
from tests.integration.engine import test_subtask_runs as subtasks
from tests.integration.engine.world import World, assert_counted, assert_open, project_make

pytestmark = pytest.mark.django_db(transaction=True)

#: Where v0.1.0 ended; of apps that it had not, nothing.
_RELEASE = [
    ("batchgen", "0004_ended_families"),
    ("export", None),
    ("pages", None),
    ("runs", "0012_shares"),
    ("content", None),
    ("epics", "0009_invited_members"),
]


def test_runs_of_all_kinds_go_back_to_the_last_release_and_forth() -> None:
    project = project_make(epics=2)
    stories = subtasks.stories_make(project, each=2)
    Story.objects.filter(pk=stories[0].pk).update(code="E" * 50 + "-S200")
    breaking = subtasks.Chain.make(project)
    breaking.do("Build", "Test")
    breaking.claim()
    pages.pages_make(project, 3)
    writing = pages.Chain.make(project)
    writing.do(pages.result())
    cards.upload_make(project)
    cards.analyzed(project, "a", "b")
    run_start(project=project, user=None, options=RunOptions(type=RunType.GENERATE_EPICS))
    world = World.make(epics=3, lanes=1, name="Other")
    step = world.claim()
    assert step
    world.finish(step)

    with migrated_back(*_RELEASE):
        assert _ones("SELECT DISTINCT status FROM runs_run WHERE type LIKE 'GENERATE_%S'") == {
            "CANCELLED",  # of types that it does not know
            "RUNNING",
        }
        longest = _ones("SELECT epic_code FROM runs_runepic WHERE length(epic_code) = 50")
        assert longest == {"E" * 49 + "\u2026"}
    for run in Run.objects.all():
        kind = kind_started_by(run.type)
        assert {item.kind for item in run.items.all()} == {kind.name}
        assert kind.options(**run.options)
        assert_counted(run, kept=False)
    assert_open()
    while fences := world.fences():
        step = world.claim(fences[0])
        assert step
        world.finish(step)
    assert run_finalize(run_id=world.run.id) == RunStatus.SUCCEEDED
    assert not OpenTarget.objects.exists()


def _ones(statement: str) -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return {one for (one,) in cursor.fetchall()}
