"""Storing epics: which go, which stay, which codes and dependencies the new ones have."""

import threading
from typing import Any
from uuid import UUID

import pytest
from django.db import transaction

from batchgen.db.ids import new_id
from content.epics.jobs import backlog_read
from content.run_types import RunType
from epics.models import Card, ContentChange, Epic, EpicCard, Project, Story, StoryCount
from epics.services import card_delete, epic_create, epic_update
from epics.story_services import story_update
from runs.engine.outcomes import Outcome
from runs.engine.start import RunOptions, run_start
from runs.engine.transitions import run_begin, run_finalize
from runs.models import OpenTarget, Run, RunItem
from runs.states import ItemStatus
from tests.integration.engine import hands
from tests.integration.engine.world import (
    SPEND,
    World,
    assert_counted,
    project_make,
    worker_make,
)
from tests.threads import race, until_somebody_waits

pytestmark = pytest.mark.django_db(transaction=True)


def start(project: Project, **options: Any) -> World:
    """A run that writes the project's epics."""
    run = run_start(
        project=project,
        user=project.created_by,
        options=RunOptions(
            type=RunType.GENERATE_EPICS,
            options=options,
            pacing_profile="adaptive",
            max_concurrency=1,
        ),
    )
    run_begin(run_id=run.id)
    return World(run=run, worker=worker_make())


def row(priority: int, cards: list[UUID], **changes: Any) -> dict[str, Any]:
    return {
        "id": str(new_id()),
        "priority": priority,
        "title": f"Outcome {priority}",
        "theme": "Lending",
        "description": "What readers need.",
        "business_value": "Fewer queues.",
        "acceptance_criteria": ["A loan is kept."],
        "effort": "M",
        "impact": "high",
        "after": [],
        "after_kept": [],
        "cards": [str(card) for card in cards],
        **changes,
    }


def finish(world: World, rows: list[dict[str, Any]]) -> RunItem:
    """End the run's one item as a worker would, and the run with it."""
    step = world.claim()
    assert step
    stored = hands.finish(
        fence=step.fence,
        call_id=step.call_id,
        outcome=Outcome(
            status=ItemStatus.COMPLETED, message="[P1] Completed", result={"epics": rows}
        ),
        spend=SPEND,
        park_s=0,
    )
    assert stored
    run_finalize(run_id=world.run.id)
    return world.epic(step)


def generated(project: Project, count: int = 2) -> list[Epic]:
    """Epics of an earlier run, each with all cards."""
    cards = list(Card.objects.filter(project=project).values_list("id", flat=True))
    world = start(project)
    finish(world, [row(place, cards) for place in range(1, count + 1)])
    return list(Epic.objects.filter(project=project, origin="generated").order_by("order"))


@pytest.fixture
def project() -> Project:
    """Two cards and no epics."""
    return project_make(epics=0)


def codes(project: Project) -> list[str]:
    return list(
        Epic.objects.filter(project=project).order_by("order").values_list("code", flat=True)
    )


def cards_of(project: Project) -> list[UUID]:
    return list(Card.objects.filter(project=project).order_by("order").values_list("id", flat=True))


def test_epics_are_stored_with_cards_dependencies_and_places(project: Project) -> None:
    one, two = cards_of(project)
    item = finish(start(project), [row(1, [two, one]), row(2, [two], after=[1])])
    assert (item.created, item.kept) == (2, 0)
    first, second = Epic.objects.filter(project=project).order_by("order")
    assert (first.code, first.origin, first.priority, first.version) == ("E1", "generated", 1, 1)
    assert (second.code, second.dependencies, second.run_id) == ("E2", ["E1"], item.run_id)
    places = EpicCard.objects.filter(epic=first).order_by("order")
    assert list(places.values_list("card", flat=True)) == [two, one]
    assert not ContentChange.objects.exists()
    assert not OpenTarget.objects.exists()


def test_several_projects_are_stored_by_one_statement(project: Project) -> None:
    """The statement is set-based, whatever a finish brings together."""
    other = project_make(epics=1, name="Archive")
    worlds = [start(project), start(other)]
    for world, of in zip(worlds, (project, other), strict=True):
        item = finish(world, [row(1, cards_of(of)), row(2, cards_of(of), after=[1])])
        assert item.created == 2
    assert codes(project) == ["E1", "E2"]
    assert codes(other) == ["E1", "E2", "E3"]
    assert Epic.objects.get(project=other, code="E3").dependencies == ["E2"]


def test_those_of_an_earlier_run_go_with_all_that_stands_below(project: Project) -> None:
    before = generated(project)
    Story.objects.create(
        epic=before[0], project=project, code="E1-S1", title="Lend", user_story="x"
    )
    finish(start(project), [row(1, cards_of(project), title="New")])
    assert list(Epic.objects.values_list("code", "title")) == [("E1", "New")]
    assert not Story.objects.exists()
    assert not StoryCount.objects.exists()
    told = ContentChange.objects.order_by("id").values_list("kind", "code", "change")
    assert set(told) == {
        ("epic", "E1", "changed"),
        ("epic", "E2", "removed"),
        ("story", "E1-S1", "removed"),
    }


class TestKept:
    def test_what_no_run_made_stays_and_its_code_is_not_taken(self) -> None:
        project = project_make(epics=2)
        item = finish(start(project), [row(1, cards_of(project)), row(2, cards_of(project))])
        assert (item.created, item.kept) == (2, 2)
        assert codes(project) == ["E1", "E2", "E3", "E4"]

    def test_a_code_in_lower_case_is_taken_too(self, project: Project) -> None:
        Epic.objects.create(project=project, code="e1", title="Mine")
        finish(start(project), [row(1, cards_of(project))])
        assert codes(project) == ["e1", "E2"]

    @pytest.mark.parametrize("what", ["edited", "approved", "story"])
    def test_what_a_person_touched_stays_unless_told_otherwise(
        self, project: Project, what: str
    ) -> None:
        first, _ = generated(project)
        if what == "edited":
            epic_update(epic_id=first.pk, changes={"title": "Mine"})
        elif what == "approved":
            Epic.objects.filter(pk=first.pk).update(review_status="approved")
        else:
            story = Story.objects.create(
                epic=first, project=project, code="E1-S1", title="Lend", user_story="x"
            )
            story_update(story_id=story.pk, changes={"title": "Mine"})
        item = finish(start(project), [row(1, cards_of(project), title="New")])
        assert (item.created, item.kept) == (1, 1)
        assert list(Epic.objects.order_by("order").values_list("code", "run_id")) == [
            ("E1", first.run_id),
            ("E2", item.run_id),
        ]
        item = finish(
            start(project, keep_edited=False, keep_approved=False), [row(1, cards_of(project))]
        )
        assert (item.created, item.kept) == (1, 0)
        assert codes(project) == ["E1"]

    def test_new_ones_may_depend_on_them(self, project: Project) -> None:
        mine = Epic.objects.create(project=project, code="BASE", title="Mine")
        before = [str(mine.pk), str(new_id())]
        finish(start(project), [row(1, cards_of(project), after_kept=before)])
        assert Epic.objects.get(code="E1").dependencies == ["BASE"]

    def test_they_no_longer_depend_on_what_goes(self, project: Project) -> None:
        generated(project)
        Epic.objects.create(project=project, code="M", title="Mine", dependencies=["E2", "E1"])
        Epic.objects.filter(code="E1").update(review_status="approved")
        finish(start(project), [row(1, cards_of(project), title="New")])
        mine = Epic.objects.get(code="M")
        assert (mine.dependencies, mine.version) == (["E1"], 2)
        assert Epic.objects.get(title="New").code == "E2"

    def test_one_that_is_open_in_another_run_stays(self, project: Project) -> None:
        first, _ = generated(project)
        stories = run_start(
            project=project,
            user=project.created_by,
            options=RunOptions(type=RunType.GENERATE_STORIES, target_ids=[first.pk]),
        )
        read = backlog_read(project_id=str(project.pk), run_id=str(new_id()), options={})
        assert [(epic.code, epic.why) for epic in read.kept] == [("E1", "open in a run")]
        item = finish(start(project), [row(1, cards_of(project), title="New")])
        assert (item.created, item.kept) == (1, 1)
        assert Epic.objects.filter(pk=first.pk).exists()
        assert OpenTarget.objects.get().run == stories

    def test_one_of_whose_stories_subtasks_are_written_stays(self, project: Project) -> None:
        first, _ = generated(project)
        story = Story.objects.create(
            epic=first, project=project, code="E1-S1", title="Lend", user_story="x"
        )
        run_start(
            project=project,
            user=project.created_by,
            options=RunOptions(type=RunType.GENERATE_SUBTASKS, target_ids=[story.pk]),
        )
        read = backlog_read(project_id=str(project.pk), run_id=str(new_id()), options={})
        assert [(epic.code, epic.why) for epic in read.kept] == [("E1", "open in a run")]
        item = finish(start(project), [row(1, cards_of(project), title="New")])
        assert (item.created, item.kept) == (1, 1)
        assert Story.objects.filter(pk=story.pk).exists()


@pytest.mark.parametrize("kind", [RunType.GENERATE_STORIES, RunType.GENERATE_SUBTASKS])
def test_items_of_ended_runs_forget_what_goes(project: Project, kind: str) -> None:
    """So that a retry of that run does not ask for what is not there."""
    first, _ = generated(project)
    story = Story.objects.create(
        epic=first, project=project, code="E1-S1", title="Lend", user_story="x"
    )
    target = first if kind == RunType.GENERATE_STORIES else story
    ended = run_start(
        project=project,
        user=project.created_by,
        options=RunOptions(type=kind, target_ids=[target.pk]),
    )
    Run.objects.filter(pk=ended.pk).update(status="FAILED", completed_at="2026-01-01T00:00Z")
    OpenTarget.objects.all().delete()
    finish(start(project), [row(1, cards_of(project))])
    assert RunItem.objects.get(run=ended).target_id is None


def test_a_card_that_was_deleted_meanwhile_is_in_no_epic(project: Project) -> None:
    one, two = cards_of(project)
    world = start(project)
    card_delete(card_id=one)
    item = finish(world, [row(1, [one, two])])
    assert item.created == 1
    assert EpicCard.objects.get().card_id == two


class TestRaces:
    """A person's change that is not committed when the run's end comes."""

    def while_open(self, world: World, change: Any, rows: list[dict[str, Any]]) -> RunItem:
        begun = threading.Event()

        def person() -> None:
            with transaction.atomic():
                change()
                begun.set()
                # Over at once then: what has waited too long begins anew, and sees the change.
                until_somebody_waits(0.3)

        def worker() -> RunItem:
            begun.wait(10)
            return finish(world, rows)

        _, item = race(person, worker)
        assert isinstance(item, RunItem)
        return item

    def test_an_epic_that_is_made_has_its_code(self, project: Project) -> None:
        item = self.while_open(
            start(project),
            lambda: epic_create(project_id=project.pk, fields={"title": "Mine"}, card_codes=[]),
            [row(1, cards_of(project))],
        )
        assert item.created == 1
        assert sorted(Epic.objects.values_list("code", "title")) == [
            ("E1", "Mine"),
            ("E2", "Outcome 1"),
        ]

    def test_one_that_is_made_to_depend_on_what_goes_depends_on_nothing(
        self, project: Project
    ) -> None:
        generated(project)
        self.while_open(
            start(project),
            lambda: epic_create(
                project_id=project.pk,
                fields={"title": "Mine", "dependencies": ["E2"]},
                card_codes=[],
            ),
            [row(1, cards_of(project))],
        )
        assert Epic.objects.get(title="Mine").dependencies == []

    def test_one_that_is_given_another_code_is_named_by_it(self, project: Project) -> None:
        mine = Epic.objects.create(project=project, code="BASE", title="Mine")
        self.while_open(
            start(project),
            lambda: epic_update(epic_id=mine.pk, changes={"code": "ROOT"}),
            [row(1, cards_of(project), after_kept=[str(mine.pk)])],
        )
        assert Epic.objects.get(code="E1").dependencies == ["ROOT"]

    def test_one_that_is_approved_stays(self, project: Project) -> None:
        first, _ = generated(project)
        item = self.while_open(
            start(project),
            lambda: Epic.objects.filter(pk=first.pk).update(review_status="approved"),
            [row(1, cards_of(project))],
        )
        assert (item.created, item.kept) == (1, 1)

    def test_one_that_a_run_is_started_for_stays(self, project: Project) -> None:
        first, _ = generated(project)
        item = self.while_open(
            start(project),
            lambda: run_start(
                project=project,
                user=project.created_by,
                options=RunOptions(type=RunType.GENERATE_STORIES, target_ids=[first.pk]),
            ),
            [row(1, cards_of(project))],
        )
        assert (item.created, item.kept) == (1, 1)
        assert Epic.objects.filter(pk=first.pk).exists()

    def test_one_whose_story_is_edited_stays(self, project: Project) -> None:
        first, _ = generated(project)
        story = Story.objects.create(
            epic=first, project=project, code="E1-S1", title="Lend", user_story="x"
        )
        item = self.while_open(
            start(project),
            lambda: story_update(story_id=story.pk, changes={"title": "Mine"}),
            [row(1, cards_of(project))],
        )
        assert (item.created, item.kept) == (1, 1)
        assert Story.objects.get().title == "Mine"

    def test_a_card_that_is_deleted_is_in_no_epic(self, project: Project) -> None:
        one, two = cards_of(project)
        item = self.while_open(
            start(project), lambda: card_delete(card_id=one), [row(1, [one, two])]
        )
        assert item.created == 1
        assert EpicCard.objects.get().card_id == two


def test_counts_are_those_of_the_rows(project: Project) -> None:
    world = start(project)
    finish(world, [row(1, cards_of(project)), row(2, cards_of(project))])
    assert_counted(world.run, kept=False)
    assert Epic.objects.filter(run_id=world.run.id).count() == 2
