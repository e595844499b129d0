"""Regenerating an epic leaves the stories that a person edited, unless it is told otherwise."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction

from batchgen.errors import NotFound
from epics.models import Epic, Story
from epics.services import card_update, epic_update, project_update, story_update
from providers.anthropic.client import ProviderClient
from runs.engine.start import RunOptions, run_start
from runs.engine.transitions import run_finalize
from runs.models import Lane, Run, RunItem, RunLog
from runs.states import ItemStatus
from tests.conftest import Simulator
from tests.factories import client_of
from tests.integration.engine.world import World, assert_counted, attempt_make
from tests.threads import race

pytestmark = pytest.mark.django_db(transaction=True)

EDITED = "As a Reader, I want to renew a loan, so that I can finish the book."


def again(world: World, **options: Any) -> World:
    """Another run over the same project."""
    run_finalize(run_id=world.run.id)
    run = run_start(
        project=world.run.project,
        user=None,
        options=RunOptions(pacing_profile="adaptive", max_concurrency=1, **options),
    )
    return World(run=run, worker=world.worker)


def codes(epic: str = "E1") -> list[str]:
    found = Story.objects.filter(epic__code=epic).order_by("order")
    return list(found.values_list("code", flat=True))


def edit(code: str, text: str = EDITED) -> Story:
    story = Story.objects.get(code=code)
    story_update(story_id=story.pk, changes={"user_story": text})
    return story


def finish_one(world: World, **options: Any) -> RunItem:
    step = world.claim()
    assert step
    assert world.finish(step, **options)
    return world.epic(step)


def test_two_runs_with_edits_between_lose_no_edited_story() -> None:
    world = World.make(epics=1, lanes=1)
    finish_one(world, stories=4)
    kept = {code: edit(code, f"{EDITED} {code}").pk for code in ("E1-S2", "E1-S3")}
    second = again(world)
    epic = finish_one(second, stories=4, title="New")
    assert (epic.created, epic.kept) == (4, 2)
    assert codes() == ["E1-S1", "E1-S2", "E1-S3", "E1-S4", "E1-S5", "E1-S6"]
    for code, pk in kept.items():
        story = Story.objects.get(code=code)
        assert (story.pk, story.user_story) == (pk, f"{EDITED} {code}")
        assert story.run_id == world.run.id
    assert Story.objects.filter(title__startswith="New").count() == 4
    end = RunLog.objects.filter(run=second.run, item_code="E1").latest("at")
    assert "2 kept as edited" in end.message
    assert Lane.objects.get(run=second.run).kept == 2
    assert_counted(second.run)


def test_a_run_may_replace_them_when_told_to() -> None:
    world = World.make(epics=1, lanes=1)
    finish_one(world, stories=2)
    edit("E1-S2")
    second = again(world, options={"keep_edited": False})
    epic = finish_one(second, stories=2, title="New")
    assert (epic.created, epic.kept) == (2, 0)
    assert codes() == ["E1-S1", "E1-S2"]
    assert set(Story.objects.values_list("run_id", flat=True)) == {second.run.id}


def test_a_failed_run_touches_nothing() -> None:
    world = World.make(epics=1, lanes=1)
    finish_one(world, stories=2)
    edit("E1-S1")
    before = list(Story.objects.order_by("id").values())
    epic = finish_one(again(world), status=ItemStatus.FAILED)
    assert epic.kept == 0
    assert list(Story.objects.order_by("id").values()) == before


def test_an_edit_under_way_at_the_end_is_kept() -> None:
    world = World.make(epics=1, lanes=1)
    finish_one(world, stories=2)
    second = again(world)
    step = second.claim()
    assert step
    edited, waited = threading.Event(), threading.Event()

    def slow_editor() -> None:
        with transaction.atomic():
            edit("E1-S1")
            edited.set()
            waited.wait(10)

    def worker() -> object:
        edited.wait(10)
        threading.Timer(0.3, waited.set).start()
        return second.finish(step, stories=2, title="New")

    _, finished = race(slow_editor, worker)
    assert isinstance(finished, dict)
    assert Story.objects.get(code="E1-S1").user_story == EDITED
    assert codes() == ["E1-S1", "E1-S2", "E1-S3"]


def test_who_edits_a_story_that_is_gone_is_told() -> None:
    world = World.make(epics=1, lanes=1)
    finish_one(world, stories=1)
    old = Story.objects.get().pk
    finish_one(again(world), stories=1)
    with pytest.raises(NotFound):
        story_update(story_id=old, changes={"user_story": EDITED})


class TestOutdated:
    @pytest.mark.parametrize("what", ["epic", "card", "project"])
    def test_a_change_while_it_is_generated_is_not_forgotten(self, what: str) -> None:
        world = World.make(epics=1, lanes=1)
        finish_one(world)
        second = again(world)
        step = second.claim()
        assert step
        revision = Epic.objects.get().prompt_revision
        epic = Epic.objects.get()
        if what == "epic":
            epic_update(epic_id=epic.pk, changes={"title": "Lending at night"})
        elif what == "card":
            card = epic.cards.all()[0]
            card_update(card_id=card.pk, changes={"statement": "As a Reader, I want more."})
        else:
            project_update(project_id=epic.project_id, changes={"language": "German"})
        self._finish(second, step, revision)
        assert Epic.objects.get().stories_outdated

    def test_not_even_while_the_first_stories_are_written(self) -> None:
        world = World.make(epics=1, lanes=1)
        step = world.claim()
        revision = Epic.objects.get().prompt_revision
        epic_update(epic_id=Epic.objects.get().pk, changes={"title": "Lending at night"})
        assert not Epic.objects.get().stories_outdated
        self._finish(world, step, revision)
        assert Epic.objects.get().stories_outdated

    def test_stories_of_the_text_as_it_is_are_not_outdated(self) -> None:
        world = World.make(epics=1, lanes=1)
        finish_one(world)
        epic_update(epic_id=Epic.objects.get().pk, changes={"title": "Lending at night"})
        assert Epic.objects.get().stories_outdated
        second = again(world)
        step = second.claim()
        self._finish(second, step, Epic.objects.get().prompt_revision)
        assert not Epic.objects.get().stories_outdated

    def _finish(self, world: World, step: Any, revision: int) -> None:
        assert world.finish(step, prompt_revision=revision)


@pytest.fixture
def client(simulator: Simulator) -> Iterator[ProviderClient]:
    simulator.reset()
    client = ProviderClient(api_key="k", base_url=simulator.url, timeout_s=5, max_connections=8)
    yield client
    client.close()


def test_the_model_is_told_of_them_and_none_is_written_twice(client: ProviderClient) -> None:
    world = World.make(epics=1, lanes=1)
    _generate(world, client)
    first = codes()
    edited = Story.objects.get(code=first[0])
    story_update(story_id=edited.pk, changes={"title": "A title of mine"})
    second = again(world)
    _generate(second, client)
    epic = RunItem.objects.get(run=second.run)
    assert epic.status == "COMPLETED"
    assert epic.kept == 1
    wants = list(Story.objects.values_list("user_story", flat=True))
    assert len(wants) == len(set(wants))
    assert Story.objects.get(code=first[0]).title == "A title of mine"
    assert_counted(second.run)


def _generate(world: World, client: ProviderClient) -> None:
    attempt = attempt_make(world, client)
    assert attempt
    attempt.run()


def test_the_option_and_the_count_over_rest() -> None:
    world = World.make(epics=1, lanes=1)
    finish_one(world)
    run_finalize(run_id=world.run.id)
    api = client_of(world.run.project.created_by)
    path = f"/api/v1/projects/{world.run.project_id}/runs"
    started = api.post(path, {"options": {"keepEdited": False}})
    assert started.status_code == 202
    assert not Run.objects.get(pk=started.json()["data"]["runId"]).options["keep_edited"]
    read = api.get(f"/api/v1/runs/{world.run.pk}/progress").json()["data"]
    assert (read["storiesKept"], read["epics"][0]["storiesKept"]) == (0, 0)


def test_the_admin_marks_an_edit(admin_client: Any) -> None:
    world = World.make(epics=1, lanes=1)
    finish_one(world)
    story = Story.objects.get(code="E1-S1")
    form = {
        "title": story.title,
        "user_story": EDITED,
        "persona": story.persona,
        "acceptance_criteria": "It is renewed.",
        "technical_notes": "",
        "priority": story.priority,
        "effort": story.effort,
    }
    answer = admin_client.post(f"/admin/epics/story/{story.pk}/change/", form)
    assert answer.status_code == 302, answer.content
    story.refresh_from_db()
    assert story.edited_at is not None
    assert (story.quality_score, story.defects) == (None, [])
