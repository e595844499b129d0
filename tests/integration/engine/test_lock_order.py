"""People delete what runs replace, or start with: each waits for the other, and none for ever."""

import time
from functools import partial

import pytest
from django.db import connection, transaction
from pytest_django.fixtures import Settings

from batchgen.db.ids import new_id
from batchgen.db.sql import Statement, run
from content.run_types import RunType
from epics.models import Card, Epic, Project, Story, Subtask
from epics.services import card_delete, epic_update
from epics.story_services import story_delete, story_update, subtask_create, subtask_update
from epics.writes import project_lock
from runs.engine.calls import call_next
from runs.engine.claims import Claiming, lane_claim
from runs.engine.open_targets import targets_gone
from runs.engine.start import RunOptions, run_start
from runs.models import Budget, Lane, OpenTarget, ProviderCall, Run, RunItem
from runs.states import ItemStatus, RunStatus
from tests.acceptance.fleet import wait_for
from tests.integration.engine.hands import execute_here
from tests.integration.engine.test_subtask_runs import stories_make
from tests.integration.engine.world import SPEND, World, halt, project_make
from tests.threads import elsewhere, somebody_waits

pytestmark = pytest.mark.django_db(transaction=True)


def start(project: Project) -> RunItem:
    """A run over the project's story."""
    options = RunOptions(type=RunType.GENERATE_SUBTASKS, pacing_profile="adaptive")
    return run_start(project=project, user=None, options=options).items.get()


def test_who_deletes_a_card_takes_rows_in_the_order_of_a_run_that_replaces_it() -> None:
    project = project_make(epics=1)
    card = Card.objects.get(code="C0")
    with transaction.atomic():
        # As `content/cards/store.sql` does.
        project_lock(project.pk)
        Card.objects.select_for_update().get(pk=card.pk)
        thread = elsewhere(lambda: card_delete(card_id=card.pk))
        wait_for(somebody_waits, "the deletion waits")
        Epic.objects.select_for_update(no_key=True).get()
    thread.join(10)
    assert not Card.objects.filter(pk=card.pk).exists()


def test_who_deletes_a_story_takes_rows_in_the_order_of_a_run_that_replaces_it() -> None:
    project = project_make(epics=1)
    (story,) = stories_make(project, each=1)
    start(project)
    with transaction.atomic():
        # As `content/stories/store.sql` does.
        Epic.objects.select_for_update(no_key=True).get()
        Story.objects.select_for_update().get(pk=story.pk)
        thread = elsewhere(lambda: story_delete(story_id=story.pk))
        wait_for(somebody_waits, "the deletion waits")
        targets_gone(Story, [story.pk])
    thread.join(10)
    assert not Story.objects.exists()


def test_who_deletes_a_story_waits_for_a_run_that_starts_with_it() -> None:
    project = project_make(epics=1)
    (story,) = stories_make(project, each=1)
    with transaction.atomic():
        item = start(project)
        thread = elsewhere(lambda: story_delete(story_id=story.pk))
        wait_for(somebody_waits, "the deletion waits")
    thread.join(10)
    item.refresh_from_db()
    assert item.target_id is None
    assert not OpenTarget.objects.exists()


def test_who_gives_an_epic_another_code_takes_rows_in_the_order_of_a_run() -> None:
    project = project_make(epics=2)
    first, second = Epic.objects.order_by("pk")
    Epic.objects.filter(pk=first.pk).update(dependencies=[second.code])
    with transaction.atomic():
        # As a group's end does that has both.
        Epic.objects.select_for_update(no_key=True).get(pk=first.pk)
        thread = elsewhere(lambda: epic_update(epic_id=second.pk, changes={"code": "NEW"}))
        wait_for(somebody_waits, "the change waits")
        assert Epic.objects.select_for_update(no_key=True, skip_locked=True).filter(pk=second.pk)
    thread.join(10)
    assert Epic.objects.get(project=project, pk=first.pk).dependencies == ["NEW"]


def test_who_edits_a_story_takes_rows_in_the_order_of_its_epics_deletion() -> None:
    project = project_make(epics=1)
    (story,) = stories_make(project, each=1)
    with transaction.atomic():
        Epic.objects.select_for_update().get()
        thread = elsewhere(lambda: story_update(story_id=story.pk, changes={"title": "Borrow"}))
        wait_for(somebody_waits, "the edit waits")
        assert Story.objects.select_for_update(skip_locked=True).first()
    thread.join(10)
    assert Story.objects.get().title == "Borrow"


def test_who_edits_a_subtask_takes_rows_in_the_order_of_a_run() -> None:
    """Which replaces the story, with what stands below it."""
    project = project_make(epics=1)
    (story,) = stories_make(project, each=1)
    fields = {"title": "Store", "description": "It.", "kind": "backend", "effort_hours": 1}
    subtask = subtask_create(story_id=story.pk, fields=fields)
    with transaction.atomic():
        Story.objects.select_for_update().get()
        thread = elsewhere(lambda: subtask_update(subtask_id=subtask.pk, changes={"title": "Keep"}))
        wait_for(somebody_waits, "the edit waits")
        assert Subtask.objects.select_for_update(skip_locked=True).first()
    thread.join(10)
    assert Subtask.objects.get().title == "Keep"


def test_a_second_call_takes_the_run_before_its_lane() -> None:
    """As a cancel does, which else would wait for a call that waits for it."""
    next_call = second_call()
    with transaction.atomic():
        Run.objects.select_for_update(no_key=True).get()
        thread = elsewhere(lambda: run(next_call))
        wait_for(somebody_waits, "the call waits")
        assert_nobody_takes(Lane)
    thread.join(10)


def test_a_second_call_takes_no_row_before_its_budgets_may_be_made() -> None:
    """Who makes one waits for the rows of all calls under way."""
    next_call = second_call()
    with transaction.atomic():
        budgets_hold("pg_advisory_xact_lock")
        thread = elsewhere(lambda: run(next_call))
        wait_for(somebody_waits, "the call waits")
        assert_nobody_takes(ProviderCall)
    thread.join(10)
    assert ProviderCall.objects.count() == 2


def test_a_new_budget_of_the_next_month_is_made_before_this_months_is_changed() -> None:
    """Whoever begins a call waits for this one's row, and is waited for by who makes the other."""
    project = project_make(epics=0)
    Project.objects.update(monthly_budget_micro_usd=1)
    this, following = Budget.objects.order_by("month")
    following.delete()
    with transaction.atomic():
        budgets_hold("pg_advisory_xact_lock_shared")
        changed = Project.objects.filter(pk=project.pk)
        thread = elsewhere(lambda: changed.update(monthly_budget_micro_usd=2))
        wait_for(somebody_waits, "the change waits")
        assert Budget.objects.select_for_update(skip_locked=True).filter(pk=this.pk)
    thread.join(10)
    assert set(Budget.objects.values_list("limit_micro_usd", flat=True)) == {2}


def test_a_start_within_a_transaction_changes_months_behind_it(settings: Settings) -> None:
    settings.MONTHLY_BUDGET_MICRO_USD = 5
    project = project_make(epics=1)
    with transaction.atomic():
        run_start(project=project, user=None, options=RunOptions(pacing_profile="adaptive"))
        assert not Budget.objects.exists()
    assert Budget.objects.count() == 2


def test_no_claim_goes_before_a_pause_that_waits_for_another() -> None:
    """Claims share a run's row: whoever came to share it would have a pause wait on."""
    world = World.make(epics=2, lanes=2)
    first, second = world.fences()
    late: list[object] = []
    with transaction.atomic():
        claiming = Claiming(fence=first, call_id=new_id())
        execute_here(lane_claim(claiming, worker_id=world.worker.id))
        pause = elsewhere(partial(halt, run_id=world.run.id, to=RunStatus.PAUSED, message="Wait."))
        wait_for(somebody_waits, "the pause waits")
        claim = elsewhere(lambda: late.append(world.claim(second)))
        for _ in range(20):
            assert RunItem.objects.filter(status=ItemStatus.GENERATING).count() == 1
            time.sleep(0.02)
    pause.join(10)
    claim.join(10)
    assert late == [None]


def second_call() -> Statement[bool]:
    """Of an item that was claimed."""
    step = World.make(epics=1, lanes=1).claim()
    assert step
    return call_next(
        fence=step.fence,
        call_id=step.call_id,
        next_call_id=new_id(),
        spend=SPEND,
        response={},
        purpose="repair",
        model="m",
    )


def budgets_hold(function: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {function}(7103)")


def assert_nobody_takes(model: type[Lane | ProviderCall]) -> None:
    """For a while, as who waits lets go and tries again."""
    for _ in range(20):
        with transaction.atomic():
            assert model.objects.select_for_update(skip_locked=True).first()
            transaction.set_rollback(True)
        time.sleep(0.02)
