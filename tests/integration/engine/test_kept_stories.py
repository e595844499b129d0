"""Regenerating an epic leaves the stories that a person edited, unless it is told otherwise."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction
from django.db.models.functions import Now
from django.utils.timezone import now

from batchgen.errors import NotFound
from epics.models import ContentChange, Epic, ReviewStatus, Story, Subtask
from epics.services import card_update, epic_delete, epic_update, project_update
from epics.story_services import story_delete, story_update
from runs.engine.open_targets import all_close
from runs.engine.start import RunOptions, run_start
from runs.engine.transitions import run_finalize
from runs.models import Lane, Run, RunItem, RunLog
from runs.states import ItemStatus
from tests.factories import client_of
from tests.integration.engine.bench import Bench
from tests.integration.engine.world import World, assert_counted, attempt_make
from tests.threads import race, until_somebody_waits

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
    assert "2 kept" in end.message
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


def edit_alone(code: str) -> None:
    """By whoever holds the story, and not its epic first."""
    Story.objects.filter(code=code).update(user_story=EDITED, edited_at=Now())


@pytest.mark.parametrize("change", [edit, edit_alone])
def test_an_edit_under_way_at_the_end_is_kept(change: Callable[[str], object]) -> None:
    world = World.make(epics=1, lanes=1)
    finish_one(world, stories=2)
    second = again(world)
    finished = while_changing(second, lambda: change("E1-S1"))
    assert isinstance(finished, dict)
    assert Story.objects.get(code="E1-S1").user_story == EDITED
    assert codes() == ["E1-S1", "E1-S2", "E1-S3"]


def approve(code: str) -> Story:
    Story.objects.filter(code=code).update(review_status=ReviewStatus.APPROVED)
    return Story.objects.get(code=code)


def subtask_make(code: str, **fields: Any) -> Subtask:
    story = Story.objects.get(code=code)
    given: dict[str, Any] = {"code": f"{code}-T1", "title": "Write it", "kind": "backend"}
    return Subtask.objects.create(
        story=story, project_id=story.project_id, effort_hours=2, **given | fields
    )


class TestApproved:
    def test_an_approved_one_is_not_replaced(self) -> None:
        world = World.make(epics=1, lanes=1)
        finish_one(world, stories=2)
        approved = approve("E1-S1")
        epic = finish_one(again(world), stories=2, title="New")
        assert (epic.created, epic.kept) == (2, 1)
        assert Story.objects.get(code="E1-S1") == approved
        assert codes() == ["E1-S1", "E1-S2", "E1-S3"]

    def test_unless_the_run_says_so(self) -> None:
        world = World.make(epics=1, lanes=1)
        finish_one(world, stories=2)
        approve("E1-S1")
        edit("E1-S2")
        epic = finish_one(again(world, options={"keep_approved": False}), stories=2, title="New")
        assert (epic.created, epic.kept) == (2, 1)
        assert Story.objects.get(code="E1-S1").title == "New 1"
        assert Story.objects.get(code="E1-S2").user_story == EDITED

    def test_an_approval_under_way_at_the_end_counts(self) -> None:
        world = World.make(epics=1, lanes=1)
        finish_one(world, stories=2)
        second = again(world)
        finished = while_changing(second, lambda: approve("E1-S1"))
        assert isinstance(finished, dict)
        assert Story.objects.get(code="E1-S1").review_status == ReviewStatus.APPROVED
        assert codes() == ["E1-S1", "E1-S2", "E1-S3"]


class TestSubtasks:
    @pytest.mark.parametrize(
        "fields", [{"edited_at": now()}, {"review_status": ReviewStatus.APPROVED}]
    )
    def test_keep_their_story(self, fields: dict[str, Any]) -> None:
        world = World.make(epics=1, lanes=1)
        finish_one(world, stories=2)
        subtask = subtask_make("E1-S2", **fields)
        second = again(world)
        epic = finish_one(second, stories=2, title="New")
        assert (epic.created, epic.kept) == (2, 1)
        assert Subtask.objects.get() == subtask
        assert codes() == ["E1-S1", "E1-S2", "E1-S3"]

    def test_of_a_run_go_with_their_story(self) -> None:
        world = World.make(epics=1, lanes=1)
        finish_one(world, stories=2)
        subtask_make("E1-S2")
        epic = finish_one(again(world), stories=2, title="New")
        assert (epic.created, epic.kept) == (2, 0)
        assert not Subtask.objects.exists()
        gone = ContentChange.objects.get(kind="subtask")
        assert (gone.code, gone.change) == ("E1-S2-T1", "removed")
        assert gone.fields["effortHours"] == {"before": 2.0}

    def test_that_another_run_writes_keep_theirs(self) -> None:
        world = World.make(epics=1, lanes=1)
        finish_one(world, stories=2)
        run_finalize(run_id=world.run.id)
        project, first = world.run.project, Story.objects.get(code="E1-S1")
        run_start(
            project=project,
            user=None,
            options=RunOptions(type="GENERATE_SUBTASKS", target_ids=[first.pk]),
        )
        epic = finish_one(again(world), stories=2, title="New")
        assert (epic.created, epic.kept) == (2, 1)
        assert Story.objects.get(code="E1-S1") == first
        assert codes() == ["E1-S1", "E1-S2", "E1-S3"]

    @pytest.mark.parametrize("way", ["replaced", "deleted", "epic deleted"])
    def test_of_a_story_that_goes_are_nobodys_item_any_more(self, way: str) -> None:
        world = World.make(epics=1, lanes=1)
        finish_one(world, stories=1)
        run_finalize(run_id=world.run.id)
        options = RunOptions(type="GENERATE_SUBTASKS")
        run = run_start(project=world.run.project, user=None, options=options)
        all_close(run_id=run.id)
        story = Story.objects.get()
        if way == "replaced":
            finish_one(again(world), stories=1, title="New")
        elif way == "deleted":
            story_delete(story_id=story.pk)
        else:
            epic_delete(epic_id=story.epic_id)
        assert not Story.objects.filter(pk=story.pk).exists()
        assert RunItem.objects.get(run=run).target_id is None

    @pytest.mark.parametrize("new", [True, False])
    def test_one_under_way_at_the_end_keeps_its_story(self, new: bool) -> None:
        world = World.make(epics=1, lanes=1)
        finish_one(world, stories=2)
        if not new:
            subtask_make("E1-S1")

        def change() -> None:
            if new:
                # As whoever adds one: with the story, whose foreign key is checked at the end.
                Story.objects.select_for_update(no_key=True).get(code="E1-S1")
                subtask_make("E1-S1", edited_at=now())
            else:
                Subtask.objects.update(review_status=ReviewStatus.APPROVED)

        finished = while_changing(again(world), change)
        assert isinstance(finished, dict)
        assert Subtask.objects.get().story.code == "E1-S1"
        assert codes() == ["E1-S1", "E1-S2", "E1-S3"]


class TestChanges:
    def test_the_first_stories_are_none(self) -> None:
        world = World.make(epics=1, lanes=1)
        finish_one(world, stories=2)
        assert not ContentChange.objects.exists()

    def test_what_a_run_replaced_stays_readable(self) -> None:
        world = World.make(epics=1, lanes=1)
        finish_one(world, stories=3)
        edit("E1-S1")
        second = again(world)
        finish_one(second, stories=3, title="New")
        told = ContentChange.objects.filter(run_id=second.run.id).order_by("code")
        assert [(each.code, each.change) for each in told] == [
            ("E1-S2", "changed"),
            ("E1-S3", "changed"),
            ("E1-S4", "added"),
        ]
        changed, _, added = told
        assert changed.fields == {"title": {"before": "Lend 2", "after": "New 1"}}
        assert added.fields["title"] == {"after": "New 3"}
        assert set(added.fields) >= {"userStory", "acceptanceCriteria", "technicalNotes"}
        epic = Epic.objects.get()
        assert {(each.kind, each.parent_id, each.project_id) for each in told} == {
            ("story", epic.pk, epic.project_id)
        }

    def test_one_that_has_no_successor_is_removed(self) -> None:
        world = World.make(epics=1, lanes=1)
        finish_one(world, stories=2)
        finish_one(again(world), stories=1, title="New")
        gone = ContentChange.objects.get(code="E1-S2")
        assert gone.change == "removed"
        assert gone.fields["userStory"]["before"].startswith("As a reader")
        assert gone.fields["technicalNotes"] == {"before": None}


def while_changing(world: World, change: Callable[[], object]) -> object:
    """What a finish returns that waits for somebody's open transaction with a change, which ends
    at once: a finish that has waited for longer begins anew, and would see the change at any rate.
    """
    step = world.claim()
    assert step
    changed = threading.Event()

    def person() -> None:
        with transaction.atomic():
            change()
            changed.set()
            until_somebody_waits(3)

    def worker() -> object:
        changed.wait(10)
        return world.finish(step, stories=2, title="New")

    _, finished = race(person, worker)
    return finished


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


def test_the_model_is_told_of_them_and_none_is_written_twice(bench: Bench) -> None:
    world = World.make(epics=1, lanes=1)
    _generate(world, bench)
    first = codes()
    edited = Story.objects.get(code=first[0])
    story_update(story_id=edited.pk, changes={"title": "A title of mine"})
    second = again(world)
    _generate(second, bench)
    epic = RunItem.objects.get(run=second.run)
    assert epic.status == "COMPLETED"
    assert epic.kept == 1
    wants = list(Story.objects.values_list("user_story", flat=True))
    assert len(wants) == len(set(wants))
    assert Story.objects.get(code=first[0]).title == "A title of mine"
    assert_counted(second.run)


def _generate(world: World, bench: Bench) -> None:
    attempt = attempt_make(world, bench)
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
