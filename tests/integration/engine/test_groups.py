"""Groups: what is done for one member, whatever becomes of the others, and who waits for whom.

What each member's fate is, the modules that use the fixture `grouping` say.
"""

import random
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.conf import settings
from django.db import connections, transaction
from django.db.models import QuerySet
from psycopg.rows import dict_row

from batchgen.db import sql
from batchgen.db.ids import new_id
from batchgen.db.pools import engine_pool
from batchgen.db.postgresql.pooled import cursor_class
from batchgen.db.sql import run
from epics.models import Epic, Story
from runs.engine.claims import Claiming, LaneClaim, lanes_claim
from runs.engine.controls import run_item_cancel
from runs.engine.lanes import (
    Fence,
    Finishing,
    GivingBack,
    Parking,
    lanes_dispatch,
    lanes_finish,
    lanes_give_back,
    lanes_park,
    lanes_reclaim,
)
from runs.engine.outcomes import Outcome
from runs.models import Lane, ProviderCall, Run, RunItem, RunLog, Worker
from runs.states import ItemStatus, LaneState, RunStatus
from tests.acceptance.fleet import wait_for
from tests.integration.engine.hands import execute_here
from tests.integration.engine.world import (
    SPEND,
    World,
    assert_counted,
    halt,
    stories_make,
)
from tests.threads import elsewhere, somebody_waits

pytestmark = pytest.mark.django_db(transaction=True)

#: Of random groups: a few dozen do.
_MOST_ROUNDS = 300


def claims_of(fences: Iterable[Fence], worker: Worker) -> list[LaneClaim | None]:
    claiming = [Claiming(fence=fence, call_id=new_id()) for fence in fences]
    return run(lanes_claim(claiming, worker_id=worker.id))


def claimed(fences: Iterable[Fence], worker: Worker) -> list[LaneClaim]:
    """All of them, each its own."""
    claims = [claim for claim in claims_of(fences, worker) if claim]
    assert [claim.fence for claim in claims] == list(fences)
    return claims


def finishing(
    claim: LaneClaim,
    *,
    status: ItemStatus = ItemStatus.COMPLETED,
    title: str = "",
    park_s: float = 0,
) -> Finishing:
    done = status == ItemStatus.COMPLETED
    return Finishing(
        fence=claim.fence,
        call_id=claim.call_id,
        outcome=Outcome(
            status=status,
            message=f"[{claim.code}] {status}",
            result={"stories": stories_make(title=title or claim.code)} if done else None,
            error_code="" if done else "REFUSED",
            error="" if done else "No.",
        ),
        spend=SPEND,
        park_s=park_s,
    )


def giving(claim: LaneClaim, **chosen: Any) -> GivingBack:
    usual: dict[str, Any] = {"reason": "backoff", "message": "Later.", "wait_s": 60, "refund": True}
    return GivingBack(fence=claim.fence, call_id=claim.call_id, **(usual | chosen))


def fences_of(*worlds: World) -> list[Fence]:
    """Their lanes' in turns, so that no run's are together."""
    mixed = [fence for world in worlds for fence in world.fences()]
    return random.Random(1).sample(mixed, len(mixed))


def stale(fence: Fence) -> Fence:
    return replace(fence, fencing_token=fence.fencing_token + 1)


def titles_of(code: str, of: Run) -> set[str]:
    stories = Story.objects.filter(run_id=of.id, epic__code=code)
    return set(stories.values_list("title", flat=True))


class TestClaims:
    def test_each_gets_what_its_own_epic_and_run_say(self) -> None:
        worlds = [World.make(epics=3, lanes=3, name=name) for name in ("Library", "Shop")]
        Run.objects.filter(id=worlds[1].run.id).update(model="other", max_retries=9)
        epics: dict[UUID | None, str] = dict(Epic.objects.values_list("id", "title"))
        for claim in claimed(fences_of(*worlds), worlds[0].worker):
            item = RunItem.objects.get(id=claim.item_id)
            assert (claim.run_id, claim.code, claim.target_id) == (
                item.run_id,
                item.code,
                item.target_id,
            )
            assert claim.input
            assert claim.input["epic"]["title"] == epics[item.target_id]
            shop = item.run_id == worlds[1].run.id
            assert claim.input["project"]["name"] == ("Shop" if shop else "Library")
            assert (claim.model == "other", claim.max_retries == 9) == (shop, shop)
            call = ProviderCall.objects.get(item=item)
            assert (call.id, call.model, call.outcome) == (claim.call_id, claim.model, "STARTED")
            assert item.lane_id == claim.fence.lane_id

    def test_those_that_come_too_late_get_nothing_and_the_others_all(self) -> None:
        running, paused = World.make(epics=5, lanes=5), World.make(epics=2, lanes=2, name="Shop")
        late, beyond, taken, *good = running.fences()
        Lane.objects.filter(id=late.lane_id).update(fencing_token=late.fencing_token + 1)
        assert running.claim(taken)
        Lane.objects.filter(id=beyond.lane_id).update(index=9)
        stands = paused.fences()
        Run.objects.filter(id=paused.run.id).update(status=RunStatus.PAUSED)
        group = [late, good[0], *stands, taken, good[1], beyond]
        claims = claims_of(group, running.worker)
        assert [claim and claim.fence for claim in claims] == [
            fence if fence in good else None for fence in group
        ]
        assert ProviderCall.objects.count() == 3
        assert RunItem.objects.filter(attempt=1).count() == 3

    def test_a_message_that_comes_twice_in_a_group_is_claimed_once(self) -> None:
        world = World.make(epics=2, lanes=2)
        first, second = world.fences()
        claims = claims_of([first, second, first], world.worker)
        assert [claim and claim.fence for claim in claims] == [first, second, None]
        begun = set(ProviderCall.objects.values_list("id", flat=True))
        assert begun == {claim.call_id for claim in claims if claim}

    def test_a_halt_waits_for_a_group_and_counts_it(self) -> None:
        world = World.make(epics=3, lanes=3)
        statement = lanes_claim(
            [Claiming(fence=fence, call_id=new_id()) for fence in world.fences()],
            worker_id=world.worker.id,
        )
        halted: list[int | None] = []
        with transaction.atomic():
            execute_here(statement)
            thread = elsewhere(
                lambda: halted.append(
                    halt(run_id=world.run.id, to=RunStatus.PAUSED, message="Paused.")
                )
            )
            thread.join(0.3)
            assert halted == []
        thread.join(10)
        assert halted == [3]


class TestFinishes:
    def test_each_ends_by_itself_and_every_lane_moves_on_once(self) -> None:
        worlds = [World.make(epics=7, lanes=4, name=name) for name in ("Library", "Shop")]
        claims = claimed(fences_of(*worlds), worlds[0].worker)
        statuses = {"E2": ItemStatus.FAILED, "E3": ItemStatus.SKIPPED}
        ends = [
            finishing(claim, status=statuses.get(claim.code, ItemStatus.COMPLETED))
            for claim in claims
        ]
        moved = run(lanes_finish(ends))
        assert [row and row["lane_id"] for row in moved] == [end.fence.lane_id for end in ends]
        for world in worlds:
            mine = [row for row in moved if row and row["run_id"] == world.run.id]
            # Four lanes, three epics that are free.
            assert sorted(row["state"] for row in mine) == ["idle", "sent", "sent", "sent"]
            next_codes = [row["code"] for row in mine if row["code"]]
            assert sorted(next_codes) == ["E5", "E6", "E7"]
            in_lanes = RunItem.objects.filter(run=world.run, status=ItemStatus.PENDING)
            assert {item.lane_id: item.code for item in in_lanes} == {
                row["lane_id"]: row["code"] for row in mine if row["code"]
            }
            assert titles_of("E1", world.run) == {"E1 1", "E1 2"}
            assert titles_of("E2", world.run) == set()
            counted = Lane.objects.filter(run=world.run).order_by("index")
            assert [(lane.completed, lane.failed, lane.skipped) for lane in counted] == [
                (1, 0, 0),
                (0, 1, 0),
                (0, 0, 1),
                (1, 0, 0),
            ]
            assert_counted(world.run)
        assert RunLog.objects.filter(message__contains="COMPLETED (").count() == 4

    def test_those_of_newer_attempts_end_nothing_and_the_others_all(self) -> None:
        world = World.make(epics=4, lanes=4)
        first, second, third, fourth = claimed(world.fences(), world.worker)
        Lane.objects.filter(id=second.fence.lane_id).update(fencing_token=99)
        RunItem.objects.filter(id=third.item_id).update(status=ItemStatus.PENDING)
        moved = run(lanes_finish([finishing(each) for each in (second, first, third, fourth)]))
        assert [row is not None for row in moved] == [False, True, False, True]
        assert {story.epic.code for story in Story.objects.select_related("epic")} == {"E1", "E4"}
        assert ProviderCall.objects.filter(outcome="STARTED").count() == 2

    def test_an_end_that_comes_twice_in_a_group_counts_once(self) -> None:
        world = World.make(epics=2, lanes=2)
        first, second = claimed(world.fences(), world.worker)
        moved = run(
            lanes_finish([finishing(first), finishing(second), finishing(first, title="Again")])
        )
        assert [row is not None for row in moved] == [True, True, False]
        assert titles_of("E1", world.run) == {"E1 1", "E1 2"}
        assert_counted(world.run)

    def test_lanes_of_a_paused_run_rest_and_those_beside_them_go_on(self) -> None:
        running, paused = World.make(epics=4, lanes=2), World.make(epics=4, lanes=2, name="Shop")
        claims = claimed(fences_of(running, paused), running.worker)
        halt(run_id=paused.run.id, to=RunStatus.PAUSED, message="Paused.")
        moved = run(lanes_finish([finishing(claim, park_s=3) for claim in claims]))
        states = {row["lane_id"]: row["state"] for row in moved if row}
        for world, state in ((running, LaneState.PARKED), (paused, LaneState.IDLE)):
            lanes = Lane.objects.filter(run=world.run)
            assert {states[lane.pk] for lane in lanes} == {state}
            assert_counted(world.run)

    def test_the_best_items_go_first(self) -> None:
        world = World.make(epics=6, lanes=2)
        RunItem.objects.filter(code__in=["E4", "E6"]).update(priority=9)
        claims = claimed(world.fences(), world.worker)
        moved = run(lanes_finish([finishing(claim) for claim in reversed(claims)]))
        assert [row["code"] for row in moved if row] == ["E6", "E4"]

    def test_of_items_that_may_kill_a_worker_one_goes_out(self) -> None:
        world = World.make(epics=8, lanes=3)
        RunItem.objects.filter(code__in=["E4", "E5", "E6"]).update(crashes=2)
        claims = claimed(world.fences(), world.worker)
        moved = run(lanes_finish([finishing(claim) for claim in claims]))
        assert sorted(row["code"] for row in moved if row) == ["E4", "E7", "E8"]
        # One that ends in the group itself does not hold up the next.
        claims = claimed(world.fences(), world.worker)
        moved = run(lanes_finish([finishing(claim) for claim in claims]))
        assert sorted(row["code"] or "" for row in moved if row) == ["", "", "E5"]

    def test_none_goes_out_while_another_lane_has_one(self) -> None:
        world = World.make(epics=8, lanes=3)
        RunItem.objects.filter(code__in=["E3", "E4", "E5"]).update(crashes=2)
        claims = claimed(world.fences(), world.worker)
        moved = run(lanes_finish([finishing(claim) for claim in claims[:2]]))
        assert sorted(row["code"] for row in moved if row) == ["E6", "E7"]

    def test_lanes_take_what_nobody_reads_where_nothing_is_free(self) -> None:
        world, other = World.make(epics=7, lanes=6), World.make(epics=1, lanes=1, name="Shop")
        fences = world.fences()
        claims = claimed([*fences[:3], *other.fences()], world.worker)
        Lane.objects.filter(state=LaneState.SENT).update(moved_at="2026-01-01T00:00:00Z")
        moved = run(lanes_finish([finishing(claim) for claim in claims]))
        assert [row and (row["state"], row["code"]) for row in moved] == [
            ("sent", "E7"),
            ("sent", "E4"),
            ("sent", "E5"),
            ("idle", None),
        ]
        assert claims_of(fences[3:5], world.worker) == [None, None]
        assert world.claim(fences[5])

    def test_what_a_run_keeps_stays_in_its_epic_alone(self) -> None:
        world = World.make(epics=2, lanes=2)
        claims = claimed(world.fences(), world.worker)
        run(lanes_finish([finishing(claim) for claim in claims]))
        Story.objects.filter(epic__code="E1", order=1).update(edited_at="2026-01-01T00:00:00Z")
        Run.objects.update(status="RUNNING")
        RunItem.objects.update(status="PENDING", completed_at=None, lane=None)
        lanes_dispatch(run_id=world.run.id)
        claims = claimed(world.fences(), world.worker)
        assert [claim.input and len(claim.input["kept"]) for claim in claims] == [1, 0]
        run(lanes_finish([finishing(claim, title=f"New {claim.code}") for claim in claims]))
        stories = Story.objects.order_by("epic__order", "order")
        assert list(stories.values_list("code", "title")) == [
            ("E1-S1", "E1 1"),
            ("E1-S2", "New E1 1"),
            ("E1-S3", "New E1 2"),
            ("E2-S1", "New E2 1"),
            ("E2-S2", "New E2 2"),
        ]
        kept = RunItem.objects.order_by("order").values_list("created", "kept")
        assert list(kept) == [(2, 1), (2, 0)]


def test_a_group_is_of_one_kind_where_each_has_its_own_statement() -> None:
    fence = Fence(lane_id=1, fencing_token=1, item_id=new_id(), kind="stories")
    kinds = (fence, replace(fence, lane_id=2, kind="pages"))
    claiming = [Claiming(fence=each, call_id=None) for each in kinds]
    with pytest.raises(ValueError, match="too many values"):
        lanes_claim(claiming, worker_id=new_id())
    parking = [Parking(fence=each, reason="turn", wait_s=1) for each in kinds]
    assert run(lanes_park(parking)) == [False, False]


class TestBack:
    def test_each_goes_back_by_itself(self) -> None:
        running, paused = World.make(epics=5, lanes=5), World.make(epics=1, lanes=1, name="Shop")
        refunded, spent, doomed, late, slowed = claimed(running.fences(), running.worker)
        (stopped,) = claimed(paused.fences(), running.worker)
        halt(run_id=paused.run.id, to=RunStatus.PAUSED, message="Paused.")
        run_item_cancel(
            item=RunItem.objects.get(id=doomed.item_id), user=running.run.project.created_by
        )
        Lane.objects.filter(id=late.fence.lane_id).update(fencing_token=99)
        given = run(
            lanes_give_back(
                [
                    giving(slowed, reason="rate-limit", rate_limit_streak=True),
                    giving(late),
                    giving(stopped, reason="stopped"),
                    giving(spent, refund=False, error_code="PROVIDER_FAILED", possibly_billed=True),
                    giving(doomed),
                    giving(refunded, wait_s=5),
                ]
            )
        )
        assert given == [True, False, True, True, True, True]

        def fate(claim: LaneClaim) -> tuple[object, ...]:
            item = RunItem.objects.select_related("lane").get(id=claim.item_id)
            lane = Lane.objects.get(id=claim.fence.lane_id)
            streak = lane.rate_limit_streak
            return item.status, item.attempt, item.priority, lane.state, lane.wait_reason, streak

        assert fate(refunded) == ("PENDING", 0, 5, "parked", "backoff", 0)
        assert fate(spent) == ("PENDING", 1, 4, "parked", "backoff", 0)
        assert fate(doomed) == ("CANCELLED", 0, 5, "idle", "", 0)
        assert fate(late) == ("GENERATING", 1, 5, "running", "", 0)
        assert fate(slowed) == ("PENDING", 0, 5, "parked", "rate-limit", 1)
        assert fate(stopped) == ("PENDING", 0, 5, "idle", "", 0)
        billed = ProviderCall.objects.filter(possibly_billed=True)
        assert [call.id for call in billed] == [spent.call_id]
        assert ProviderCall.objects.filter(outcome="STARTED").get().id == late.call_id
        assert Lane.objects.get(id=doomed.fence.lane_id).cancelled == 1

    def test_lanes_are_parked_each_for_its_own_reason(self) -> None:
        world = World.make(epics=3, lanes=3)
        first, second, third = world.fences()
        parked = run(
            lanes_park(
                [
                    Parking(fence=third, reason="turn", wait_s=9),
                    Parking(fence=stale(second), reason="turn", wait_s=9),
                    Parking(fence=first, reason="permit-requests", wait_s=9),
                ]
            )
        )
        assert parked == [True, False, True]
        lanes = Lane.objects.order_by("index").values_list("state", "wait_reason")
        assert list(lanes) == [("parked", "permit-requests"), ("sent", ""), ("parked", "turn")]


def _execute_patiently(statement: sql.Statement[Any]) -> None:
    """As the engine plans it, but for the wait."""
    text = statement.queries[statement.name].replace("'50ms'", "'10s'")
    with engine_pool().connection() as own:
        cursor = own.cursor() if settings.DATABASE_POOLED else psycopg.ClientCursor(own)
        cursor.execute(text.encode(), statement.params)


def _as_a_pooler(statement: sql.Statement[Any]) -> None:
    """As it is sent behind a transaction pooler."""
    database = connections["default"]
    parameters = database.get_connection_params()
    cursors = cursor_class({**database.settings_dict["SESSION"], "lock_timeout": "0"})
    with psycopg.connect(
        **{**parameters, "cursor_factory": cursors, "row_factory": dict_row, "autocommit": True}
    ) as connection:
        connection.execute(statement.queries[statement.name], statement.params)
        left = connection.execute("SELECT current_setting('lock_timeout') AS left").fetchone()
        assert left == {"left": "0"}


@pytest.mark.parametrize("send", [run, _as_a_pooler])
@pytest.mark.parametrize("held", ["an epic", "an item", "a lane"])
def test_a_group_does_not_wait_for_a_row_that_somebody_has(
    held: str, send: Callable[[Any], object]
) -> None:
    """As for a person's edit. Nothing is done for any member, who may all be repeated singly."""
    world = World.make(epics=3, lanes=3)
    claims = claimed(world.fences(), world.worker)
    rows: dict[str, Any] = {
        "an epic": Epic.objects.filter(code="E2"),
        "an item": RunItem.objects.filter(code="E2"),
        "a lane": Lane.objects.filter(index=1),
    }
    ends = lanes_finish([finishing(claim) for claim in claims])
    with transaction.atomic():
        assert len(rows[held].select_for_update()) == 1
        errors: list[Exception | None] = []
        thread = elsewhere(lambda: errors.append(_error_of(send, ends)))
        thread.join(10)
        assert [type(error) for error in errors] == [psycopg.errors.LockNotAvailable]
    assert RunItem.objects.filter(status=ItemStatus.GENERATING).count() == 3
    assert [row is not None for row in run(ends)] == [True] * 3
    assert_counted(world.run)


@pytest.mark.parametrize("what", ["runs", "lanes", "items"])
def test_a_group_takes_rows_in_the_order_of_their_ids(what: str) -> None:
    """Whatever order its members come in; so that of two that want the same rows one waits."""
    worlds = [World.make(epics=1, lanes=1, name=name) for name in ("Library", "Shop")]
    (first,), (second,) = (world.fences() for world in worlds)
    if what == "items":
        # The first lane's item is the last.
        with transaction.atomic():
            Lane.objects.filter(id=second.lane_id).update(id=first.lane_id - 1)
            RunItem.objects.filter(id=second.item_id).update(lane_id=first.lane_id - 1)
        (second,) = worlds[1].fences()
    rows: dict[str, tuple[QuerySet[Any], QuerySet[Any]]] = {
        "runs": (Run.objects.filter(id=worlds[0].run.id), Run.objects.filter(id=worlds[1].run.id)),
        "lanes": (Lane.objects.filter(id=first.lane_id), Lane.objects.filter(id=second.lane_id)),
        "items": (
            RunItem.objects.filter(id=first.item_id),
            RunItem.objects.filter(id=second.item_id),
        ),
    }
    held, other = rows[what]
    claiming = [Claiming(fence=fence, call_id=new_id()) for fence in (second, first)]
    statement = lanes_claim(claiming, worker_id=worlds[0].worker.id)
    with transaction.atomic():
        assert held.select_for_update(no_key=True).get()
        thread = elsewhere(lambda: _execute_patiently(statement))
        wait_for(somebody_waits, "the group waits")
        assert other.select_for_update(no_key=True, nowait=True).get()
    thread.join(10)
    assert RunItem.objects.filter(status=ItemStatus.GENERATING).count() == 2


@pytest.mark.parametrize(
    "ending",
    [
        lambda claims: _execute_patiently(lanes_finish([finishing(each) for each in claims])),
        lambda claims: _execute_patiently(lanes_give_back([giving(each) for each in claims])),
        lambda _: lanes_reclaim(),
    ],
    ids=["finish", "give_back", "reclaim"],
)
def test_calls_end_in_the_order_of_their_ids(
    ending: Callable[[list[LaneClaim]], object],
) -> None:
    """As who makes a budget takes the rows of all calls under way."""
    world = World.make(epics=2, lanes=2)
    first, second = world.fences()
    # The first item's call is the last.
    earlier, later = (claimed([fence], world.worker)[0] for fence in (second, first))
    calls = ProviderCall.objects.select_for_update(no_key=True, nowait=True)
    Worker.objects.update(lease_until="2026-01-01T00:00:00Z")
    with transaction.atomic():
        assert calls.get(pk=str(earlier.call_id))
        thread = elsewhere(lambda: ending([later, earlier]))
        wait_for(somebody_waits, "the group waits")
        assert calls.get(pk=str(later.call_id))
    thread.join(10)
    assert not ProviderCall.objects.filter(outcome="STARTED").exists()


def _error_of(send: Callable[[Any], object], statement: object) -> Exception | None:
    try:
        send(statement)
    except psycopg.Error as error:
        return error
    return None


_ENDS = (ItemStatus.COMPLETED, ItemStatus.COMPLETED, ItemStatus.FAILED, ItemStatus.SKIPPED)


@pytest.mark.parametrize("seed", range(6))
def test_random_groups_count_what_their_rows_say(seed: int) -> None:
    """I3, with several runs' lanes in a group, late and doubled members, and halts."""
    chance = random.Random(seed)
    worlds = [World.make(epics=9, lanes=4, name=f"Project {number}") for number in range(3)]
    before: list[Finishing] = []
    for _ in range(_MOST_ROUNDS):
        Run.objects.filter(status=RunStatus.PAUSED).update(status=RunStatus.RUNNING)
        for world in worlds:
            lanes_dispatch(run_id=world.run.id)
        fences = [fence for world in worlds for fence in world.fences()]
        if not fences:
            break
        if chance.random() < 0.3:
            halt(run_id=chance.choice(worlds).run.id, to=RunStatus.PAUSED, message="Paused.")
        group = chance.sample(fences, min(len(fences), chance.randint(2, 6)))
        before = _moved(chance, [*group, stale(group[0])], worlds[0].worker, before)
        for world in worlds:
            assert_counted(world.run)
    assert not RunItem.objects.filter(status__in=("PENDING", "GENERATING")).exists()
    assert {item.attempt for item in RunItem.objects.all()} == {1}


def _moved(
    chance: random.Random, fences: list[Fence], worker: Worker, before: list[Finishing]
) -> list[Finishing]:
    """Claim the fences' items; end some of them, and give the others back."""
    claims = [claim for claim in claims_of(fences, worker) if claim]
    ends = [finishing(claim, status=chance.choice(_ENDS)) for claim in claims]
    backs = [giving(claim, wait_s=0) for claim in claims[: len(claims) // 3]]
    ends = ends[len(backs) :]
    if backs:
        given: list[bool] = run(lanes_give_back(backs))
        assert all(given)
    if ends:
        run(lanes_finish([*ends, *before, ends[0]]))
    return ends[:1]
