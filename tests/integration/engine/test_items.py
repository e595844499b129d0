"""Which item goes first, what a retry makes of that, and items that come later."""

import pytest
from django.db import transaction

from batchgen.errors import InvalidTransition, ItemAlreadyActive, ValidationFailed
from epics.models import Epic
from runs.engine.items import item_prioritise, items_add
from runs.engine.lanes import lanes_dispatch
from runs.engine.start import RunOptions, run_start
from runs.engine.transitions import run_finalize
from runs.models import Lane, OpenTarget, RunItem
from runs.states import ItemStatus, LaneState
from tests.integration.engine import hands
from tests.integration.engine.world import Step, World, assert_counted, assert_open
from tests.threads import elsewhere

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("grouping")]


def prioritise(world: World, code: str, priority: int) -> None:
    item = world.run.items.get(code=code)
    item_prioritise(item=item, user=world.run.project.created_by, priority=priority)


def give_back(step: Step, *, reason: str, spent: bool) -> None:
    assert hands.give_back(
        fence=step.fence,
        call_id=step.call_id,
        reason=reason,
        message="again",
        wait_s=0,
        refund=not spent,
    )


def claimed(world: World) -> Step:
    step = world.claim()
    assert step
    return step


def held(world: World) -> dict[int, str]:
    """{a lane's index: the code that it holds}."""
    items = world.run.items.filter(status=ItemStatus.PENDING, lane__isnull=False)
    return dict(items.values_list("lane__index", "code"))


def test_the_next_item_is_the_one_with_the_highest_priority() -> None:
    world = World.make(epics=5, lanes=1)
    prioritise(world, "E4", 9)
    prioritise(world, "E3", 6)
    codes = []
    for _ in range(5):
        step = claimed(world)
        codes.append(step.code)
        world.finish(step)
    assert codes == ["E1", "E4", "E3", "E2", "E5"]
    assert_counted(world.run)


def test_lanes_that_are_given_items_take_those_with_the_highest_priority() -> None:
    world = World.make(epics=5, lanes=2)
    RunItem.objects.update(lane=None)
    Lane.objects.update(state=LaneState.IDLE)
    prioritise(world, "E5", 10)
    assert [link.code for link in lanes_dispatch(run_id=world.run.id)] == ["E5", "E1"]


def test_an_item_that_is_tried_again_goes_behind_its_equals() -> None:
    world = World.make(epics=3, lanes=1)
    step = claimed(world)
    give_back(step, reason="backoff", spent=True)
    item = world.epic(step)
    assert (item.priority, item.lane_id) == (4, step.fence.lane_id)
    assert [link.code for link in lanes_dispatch(run_id=world.run.id)] == ["E2"]
    assert world.epic(step).lane_id is None
    codes = []
    for _ in range(3):
        step = claimed(world)
        codes.append(step.code)
        world.finish(step)
    assert codes == ["E2", "E3", "E1"]
    assert_counted(world.run)


def test_an_item_that_nothing_outranks_stays_in_its_lane() -> None:
    world = World.make(epics=2, lanes=2)
    step = claimed(world)
    give_back(step, reason="backoff", spent=True)
    assert [link.code for link in lanes_dispatch(run_id=world.run.id)] == [step.code]


def test_a_priority_is_not_lowered_below_0() -> None:
    world = World.make(epics=1, lanes=1)
    prioritise(world, "E1", 0)
    step = claimed(world)
    give_back(step, reason="backoff", spent=True)
    assert world.epic(step).priority == 0


@pytest.mark.parametrize("reason", ["rate-limit", "gate-closed"])
def test_a_wait_for_a_limit_lowers_nothing_and_keeps_the_lane(reason: str) -> None:
    world = World.make(epics=3, lanes=1)
    step = claimed(world)
    give_back(step, reason=reason, spent=False)
    prioritise(world, "E3", 9)
    assert [link.code for link in lanes_dispatch(run_id=world.run.id)] == [step.code]
    assert world.epic(step).priority == 5


def test_a_lane_whose_item_others_outranked_first_is_not_left_behind() -> None:
    world = World.make(epics=3, lanes=2)
    for _ in range(2):
        give_back(claimed(world), reason="backoff", spent=True)
    # Two lanes let theirs go for the one that outranks both.
    assert [link.code for link in lanes_dispatch(run_id=world.run.id)] == ["E3"]
    assert sorted(world.run.lanes.values_list("state", flat=True)) == ["idle", "sent"]
    assert len(lanes_dispatch(run_id=world.run.id)) == 1
    assert len(held(world)) == 2


@pytest.mark.parametrize("status", ["GENERATING", "COMPLETED"])
def test_only_what_waits_can_be_given_a_priority(status: str) -> None:
    world = World.make(epics=2, lanes=1)
    step = claimed(world)
    if status == "COMPLETED":
        world.finish(step)
    with pytest.raises(InvalidTransition) as refusal:
        prioritise(world, step.code, 9)
    assert refusal.value.details == {"status": status}
    assert world.epic(step).priority == 5


def more_epics(world: World, *codes: str) -> list[Epic]:
    return Epic.objects.bulk_create(
        Epic(project=world.run.project, code=code, order=50 + i, title=code)
        for i, code in enumerate(codes)
    )


def add(world: World, epics: list[Epic]) -> None:
    ids = [epic.pk for epic in epics]
    items_add(run=world.run, user=world.run.project.created_by, target_ids=ids)


def test_items_are_added_behind_the_others_with_lanes_for_them() -> None:
    world = World.make(epics=1, lanes=3)
    assert world.run.lanes.count() == 1
    add(world, more_epics(world, "E8", "E9"))
    world.run.refresh_from_db()
    assert (world.run.total_items, world.run.lanes.count()) == (3, 3)
    assert [link.item_id for link in lanes_dispatch(run_id=world.run.id)] == []  # sent already
    assert held(world) == {0: "E1", 1: "E8", 2: "E9"}
    assert list(world.run.items.values_list("order", flat=True)) == [1, 2, 3]
    assert_open()


def test_what_is_open_elsewhere_or_here_is_not_added() -> None:
    world = World.make(epics=2, lanes=1)
    (new,) = more_epics(world, "E9")
    user = world.run.project.created_by
    other = run_start(
        project=world.run.project,
        user=user,
        options=RunOptions(type="GENERATE_STORIES", target_ids=[new.pk]),
    )
    here = Epic.objects.get(code="E1")
    for epic, run in ((new, other), (here, world.run)):
        with pytest.raises(ItemAlreadyActive) as refusal:
            add(world, [epic])
        assert refusal.value.details == {epic.code: str(run.id)}
    world.run.refresh_from_db()
    assert (world.run.total_items, world.run.items.count()) == (2, 2)
    assert OpenTarget.objects.filter(run=world.run).count() == 2


def test_nothing_is_added_to_a_run_that_is_over() -> None:
    world = World.make(epics=1, lanes=1)
    world.finish(claimed(world))
    assert run_finalize(run_id=world.run.id)
    with pytest.raises(InvalidTransition, match="succeeded"):
        add(world, more_epics(world, "E9"))


def test_nothing_is_added_to_a_run_of_exactly_one_item() -> None:
    world = World.make(epics=1, kind="GENERATE_STORIES")
    with pytest.raises(ValidationFailed, match="takes exactly one epic"):
        add(world, more_epics(world, "E9"))
    assert world.run.items.count() == 1


def test_a_run_whose_end_waits_for_an_addition_goes_on() -> None:
    world = World.make(epics=1, lanes=1)
    world.finish(claimed(world))
    epics = more_epics(world, "E9")
    ended: list[object] = []
    with transaction.atomic():
        add(world, epics)
        thread = elsewhere(lambda: ended.append(run_finalize(run_id=world.run.id)))
        thread.join(0.5)
        assert not ended  # it waits for the run's row
    thread.join(10)
    assert ended == [None]
    world.run.refresh_from_db()
    assert world.run.completed_at is None
    world.finish(claimed(world))
    assert run_finalize(run_id=world.run.id) == "SUCCEEDED"
    assert_counted(world.run)
