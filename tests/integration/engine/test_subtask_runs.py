"""Runs that break stories down: which stories they take, and what they store."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, transaction
from django.utils.timezone import now
from psycopg.types.json import Jsonb

from batchgen.db.ids import new_id
from batchgen.errors import ValidationFailed
from content.run_types import RunType
from content.subtasks.kind import SUBTASKS
from content.subtasks.options import SubtasksOptions
from epics.models import ContentChange, Epic, Project, ReviewStatus, Story, Subtask
from runs.engine.claims import LaneClaim
from runs.engine.outcomes import Outcome
from runs.engine.start import RunOptions, run_start
from runs.engine.transitions import run_begin, run_finalize
from runs.models import Lane, Run, RunItem, Worker
from runs.states import ItemStatus
from tests.acceptance.fleet import wait_for
from tests.integration.engine import hands
from tests.integration.engine.world import (
    SPEND,
    Step,
    World,
    assert_counted,
    assert_open,
    project_make,
    worker_make,
)
from tests.threads import race, somebody_waits

pytestmark = pytest.mark.django_db(transaction=True)

OPTIONS = SubtasksOptions()
#: What a group of items would hand to the kind's statement.
_DONE = """done AS (
    SELECT rows.*, 'x' AS code,
           '{"keep_edited": true, "keep_approved": true}'::jsonb AS options
    FROM unnest(%s::uuid[], %s::uuid[], %s::uuid[], %s::jsonb[])
        AS rows (item_id, target_id, run_id, result)
)"""


def stories_make(project: Project, *, each: int = 2) -> list[Story]:
    """Stories of each of the project's epics, the later ones first in the table."""
    epics = list(Epic.objects.filter(project=project).order_by("-order"))
    return Story.objects.bulk_create(
        Story(
            epic=epic,
            project=project,
            code=f"{epic.code}-S{place}",
            order=place,
            title=f"Lend {place}",
            user_story="As a Reader, I want to lend a book, so that I can read it.",
            acceptance_criteria=["Given a book, when lent, then mine.", "Then it is listed."],
            priority="high",
        )
        for epic in epics
        for place in range(each, 0, -1)
    )


def rows(*titles: str, **changes: object) -> list[dict[str, object]]:
    """As an attempt stores them."""
    return [
        {
            "id": str(new_id()),
            "order": place,
            "title": title,
            "description": "Do it.",
            "kind": "backend",
            "effort_hours": 2.5,
            "criteria": [1, 2],
        }
        | changes
        for place, title in enumerate(titles, start=1)
    ]


@dataclass
class Chain:
    """A run over stories, taken step by step as a worker would."""

    run: Run
    worker: Worker

    @classmethod
    def make(cls, project: Project, **chosen: Any) -> "Chain":
        run = run_start(
            project=project,
            user=None,
            options=RunOptions(
                type=RunType.GENERATE_SUBTASKS,
                pacing_profile="adaptive",
                max_concurrency=chosen.pop("lanes", 1),
                **chosen,
            ),
        )
        run_begin(run_id=run.id)
        return cls(run=run, worker=worker_make(f"w{Worker.objects.count()}@test"))

    def claim(self) -> tuple[LaneClaim, UUID]:
        fence = World(run=self.run, worker=self.worker).fences()[0]
        call_id = new_id()
        claim = hands.claim(fence=fence, worker_id=self.worker.id, call_id=call_id)
        assert claim
        return claim, call_id

    def finish(
        self, claimed: tuple[LaneClaim, UUID], *titles: str, status: str = ItemStatus.COMPLETED
    ) -> RunItem:
        claim, call_id = claimed
        moved = hands.finish(
            fence=claim.fence,
            call_id=call_id,
            outcome=Outcome(
                status=ItemStatus(status), message="Done", result={"subtasks": rows(*titles)}
            ),
            spend=SPEND,
            park_s=0,
        )
        assert moved
        return RunItem.objects.get(id=claim.fence.item_id)

    def do(self, *titles: str) -> RunItem:
        return self.finish(self.claim(), *titles)

    def again(self, **chosen: Any) -> "Chain":
        run_finalize(run_id=self.run.id)
        return Chain.make(self.run.project, **chosen)


def codes(**where: Any) -> list[tuple[str, str]]:
    found = Subtask.objects.filter(**where).order_by("order")
    return list(found.values_list("code", "title"))


def finish_while(
    chain: Chain, claimed: tuple[LaneClaim, UUID], change: Callable[[], object], *titles: str
) -> RunItem:
    """An item whose end waits for somebody's open transaction with a change."""
    changed = threading.Event()

    def person() -> None:
        with transaction.atomic():
            change()
            changed.set()
            wait_for(somebody_waits, "the item's end waits for the change")

    def worker() -> RunItem:
        changed.wait(10)
        return chain.finish(claimed, *titles)

    _, item = race(person, worker)
    assert isinstance(item, RunItem), item
    return item


class TestTargets:
    def test_epic_by_epic_and_story_by_story(self) -> None:
        project = project_make(epics=3)
        stories_make(project)
        other = project_make(epics=1, name="Other")
        stories_make(other)
        targets = SUBTASKS.targets(project, None, OPTIONS)
        assert [one.code for one in targets] == [
            *("E1-S1", "E1-S2", "E2-S1", "E2-S2", "E3-S1", "E3-S2")
        ]
        assert all(target.input_tokens > 1_500 for target in targets)
        assert [one.points for one in SUBTASKS.reasons(targets)] == [10, 30, 20]

    def test_ten_thousand_take_two_statements(self, django_assert_num_queries: Any) -> None:
        project = project_make(epics=50)
        stories_make(project, each=200)
        with django_assert_num_queries(2):
            assert len(SUBTASKS.targets(project, None, OPTIONS)) == 10_000

    def test_only_those_that_are_named(self) -> None:
        project = project_make(epics=2)
        stories = {story.code: story.pk for story in stories_make(project)}
        ids = [stories["E2-S1"], stories["E1-S2"], new_id()]
        found = SUBTASKS.targets(project, ids, OPTIONS)
        assert [one.code for one in found] == ["E1-S2", "E2-S1"]

    def test_approved_ones_where_that_is_asked_for(self) -> None:
        project = project_make(epics=1)
        first, second = stories_make(project)
        only = SubtasksOptions(only_approved=True)
        with pytest.raises(ValidationFailed, match="No story of this project is approved"):
            SUBTASKS.targets(project, None, only)
        Story.objects.filter(pk=first.pk).update(review_status=ReviewStatus.APPROVED)
        assert [one.id for one in SUBTASKS.targets(project, None, only)] == [first.pk]
        assert len(SUBTASKS.targets(project, None, OPTIONS)) == 2
        with pytest.raises(ValidationFailed, match="some that it names are not") as refused:
            SUBTASKS.targets(project, [first.pk, second.pk], only)
        assert refused.value.details == {"targetIds": [f"{second.code} is not approved."]}

    def test_a_project_without_stories_has_nothing_to_process(self) -> None:
        with pytest.raises(ValidationFailed, match="There are no stories to process"):
            Chain.make(project_make(epics=1), options={"only_approved": True})

    def test_one_that_is_open_elsewhere_leaves_out_no_other_of_its_code(self) -> None:
        project = project_make(epics=2)
        one, other = sorted(stories_make(project, each=1), key=lambda story: story.code)
        Story.objects.update(code="E1-S1")  # as where an epic took the code of a renamed one
        Chain.make(project, target_ids=[one.pk])
        # Another one of the type would be refused; its target stays open.
        Run.objects.update(type=RunType.GENERATE_STORIES)
        run = Chain.make(project).run
        assert list(run.items.values_list("target_id", flat=True)) == [other.pk]

    def test_an_approval_that_is_withdrawn_is_seen_at_the_claim(self) -> None:
        project = project_make(epics=1)
        stories_make(project, each=1)
        Story.objects.update(review_status=ReviewStatus.APPROVED)
        chain = Chain.make(project, options={"only_approved": True})
        Story.objects.update(review_status=ReviewStatus.REJECTED)
        claim, _ = chain.claim()
        assert claim.input is not None
        assert claim.input["approved"] is False


class TestStored:
    def test_the_first_ones(self) -> None:
        project = project_make(epics=1)
        (story,) = stories_make(project, each=1)
        chain = Chain.make(project)
        item = chain.do("Build", "Test", "Describe")
        assert (item.status, item.created, item.kept) == ("COMPLETED", 3, 0)
        assert codes() == [("E1-S1-T1", "Build"), ("E1-S1-T2", "Test"), ("E1-S1-T3", "Describe")]
        one = Subtask.objects.get(code="E1-S1-T2")
        assert (one.story_id, one.project_id, one.run_id) == (story.pk, project.pk, chain.run.pk)
        assert (one.kind, str(one.effort_hours), one.criteria) == ("backend", "2.5", [1, 2])
        assert (one.order, one.version, one.review_status, one.edited_at) == (2, 1, "draft", None)
        assert not ContentChange.objects.exists()
        assert_counted(chain.run, kept=False)

    def test_a_second_run_replaces_them_and_tells_what_it_changed(self) -> None:
        project = project_make(epics=1)
        (story,) = stories_make(project, each=1)
        first = Chain.make(project)
        first.do("Build", "Test", "Describe")
        second = first.again()
        item = second.do("Build", "Watch")
        assert (item.created, item.kept) == (2, 0)
        assert codes() == [("E1-S1-T1", "Build"), ("E1-S1-T2", "Watch")]
        assert set(Subtask.objects.values_list("run_id", flat=True)) == {second.run.pk}
        changes = ContentChange.objects.exclude(change="same").order_by("code")
        assert [(one.code, one.change, sorted(one.fields)) for one in changes] == [
            ("E1-S1-T2", "changed", ["title"]),
            (
                "E1-S1-T3",
                "removed",
                ["criteria", "description", "effortHours", "kind", "order", "title"],
            ),
        ]
        assert {(one.kind, one.parent_id, one.run_id) for one in changes} == {
            ("subtask", story.pk, second.run.pk)
        }

    @pytest.mark.parametrize(
        ("options", "left"),
        [
            ({}, ["Edited", "Approved"]),
            ({"keep_edited": False}, ["Approved"]),
            ({"keep_approved": False}, ["Edited"]),
            ({"keep_edited": False, "keep_approved": False}, []),
        ],
    )
    def test_edited_and_approved_ones_stay(self, options: dict[str, bool], left: list[str]) -> None:
        project = project_make(epics=1)
        stories_make(project, each=1)
        first = Chain.make(project)
        first.do("Build", "Edited", "Approved")
        Subtask.objects.filter(title="Edited").update(edited_at=now())
        Subtask.objects.filter(title="Approved").update(review_status=ReviewStatus.APPROVED)
        second = first.again(options=options)
        claimed = second.claim()
        assert claimed[0].input is not None
        assert [title for title, _, _ in claimed[0].input["kept"]] == left
        item = second.finish(claimed, "New 1", "New 2")
        assert (item.created, item.kept) == (2, len(left))
        kept = {title: code for code, title in codes() if not title.startswith("New")}
        places = {"Edited": "E1-S1-T2", "Approved": "E1-S1-T3"}
        assert kept == {title: places[title] for title in left}
        assert len({code for code, _ in codes()}) == 2 + len(left)
        assert Lane.objects.get(run=second.run).kept == len(left)

    def test_a_failed_item_touches_nothing(self) -> None:
        project = project_make(epics=1)
        stories_make(project, each=1)
        first = Chain.make(project)
        first.do("Build")
        before = list(Subtask.objects.values())
        second = first.again()
        second.finish(second.claim(), "New", status=ItemStatus.FAILED)
        assert list(Subtask.objects.values()) == before

    def test_many_items_in_one_statement(self) -> None:
        project = project_make(epics=2)
        stories = stories_make(project)
        chain = Chain.make(project)
        items = {item.target_id: item.id for item in RunItem.objects.filter(run=chain.run)}
        gone = stories.pop()
        Story.objects.filter(pk=gone.pk).delete()
        Subtask.objects.create(
            story=stories[0],
            project=project,
            code=f"{stories[0].code}-T1",
            order=1,
            title="Kept",
            kind="ops",
            effort_hours=1,
            edited_at=now(),
        )
        done = [
            (items[story.pk], story.pk, chain.run.pk, Jsonb({"subtasks": rows("A", "B")}))
            for story in (*stories, gone)
        ]
        with connection.cursor() as cursor:
            cursor.execute(
                f"WITH {_DONE}, {SUBTASKS.store_sql} SELECT * FROM subtasks_stored",  # noqa: S608
                [list(column) for column in zip(*done, strict=True)],
            )
            stored = {item_id: (created, kept) for item_id, kept, created in cursor.fetchall()}
        assert stored == {
            items[story.pk]: (2, 1 if story is stories[0] else 0) for story in stories
        }
        assert codes(story=stories[0]) == [
            (f"{stories[0].code}-T1", "Kept"),
            (f"{stories[0].code}-T2", "A"),
            (f"{stories[0].code}-T3", "B"),
        ]

    def test_codes_are_as_long_as_a_story_has_them(self) -> None:
        project = project_make(epics=1)
        stories_make(project, each=1)
        code = "E" * 50 + "-S200"
        Story.objects.update(code=code)
        chain = Chain.make(project)
        assert chain.do("Build").code == code
        assert codes() == [(f"{code}-T1", "Build")]


class TestStoriesThatGo:
    """A run that writes an epic's stories anew may take a story away at any moment."""

    def test_before_the_claim(self) -> None:
        project = project_make(epics=1)
        (story,) = stories_make(project, each=1)
        chain = Chain.make(project)
        Story.objects.filter(pk=story.pk)._raw_delete(using="default")
        claim, _ = chain.claim()
        assert claim.input is None

    def test_between_claim_and_finish(self) -> None:
        project = project_make(epics=1)
        (story,) = stories_make(project, each=1)
        chain = Chain.make(project)
        claimed = chain.claim()
        story.delete()
        item = chain.finish(claimed, "Build", "Test")
        assert (item.status, item.created) == ("COMPLETED", 0)
        assert item.notes == ["nothing is stored, because its target was deleted meanwhile"]
        assert not Subtask.objects.exists()
        assert_counted(chain.run, kept=False)

    def test_while_it_is_stored(self) -> None:
        project = project_make(epics=1)
        stories_make(project, each=1)
        chain = Chain.make(project)
        claimed = chain.claim()
        item = finish_while(chain, claimed, lambda: Story.objects.all().delete(), "Build")
        assert (item.status, item.created) == ("COMPLETED", 0)
        assert not Subtask.objects.exists()

    def test_what_a_run_is_at_is_left_by_one_that_writes_stories(self) -> None:
        project = project_make(epics=1)
        (story, other) = stories_make(project)
        chain = Chain.make(project, target_ids=[story.pk])
        claimed = chain.claim()
        run = run_start(
            project=project,
            user=None,
            options=RunOptions(pacing_profile="adaptive", max_concurrency=1),
        )
        run_begin(run_id=run.id)
        writing = World(run=run, worker=chain.worker)
        (fence,) = writing.fences()
        claim = hands.claim(fence=fence, worker_id=chain.worker.id, call_id=(call_id := new_id()))
        assert claim
        assert claim.input
        # The model is told of it, and writes no other one like it.
        assert [title for title, _ in claim.input["kept"]] == [story.title]
        step = Step(fence=fence, call_id=call_id, code=claim.code)
        results = race(
            lambda: writing.finish(step, stories=2, title="New"),
            lambda: chain.finish(claimed, "Build", "Test"),
        )
        assert not [one for one in results if isinstance(one, Exception)], results
        titles = Story.objects.order_by("order").values_list("title", flat=True)
        assert sorted(titles) == sorted([story.title, "New 1", "New 2"])
        assert codes(story=story) == [
            (f"{story.code}-T1", "Build"),
            (f"{story.code}-T2", "Test"),
        ]
        assert not Story.objects.filter(pk=other.pk).exists()

    def test_an_edit_under_way_is_kept(self) -> None:
        project = project_make(epics=1)
        stories_make(project, each=1)
        first = Chain.make(project)
        first.do("Build", "Test")
        second = first.again()
        claimed = second.claim()
        mine = Subtask.objects.filter(title="Test")
        item = finish_while(
            second, claimed, lambda: mine.update(title="Mine", edited_at=now()), "New"
        )
        assert (item.created, item.kept) == (1, 1)
        assert codes() == [("E1-S1-T1", "New"), ("E1-S1-T2", "Mine")]
        assert_open()
