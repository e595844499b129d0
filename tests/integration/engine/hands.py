"""How tests move lanes: one alone, or in a group.

A module that uses the fixture `grouping` has each of its tests run twice, and then each move is
once a single lane's, once that of a group of three: a message that is late, and a lane of another
user's run, which is there for this move alone. A group that fails is repeated one by one, as the
workers do.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

import psycopg
from django.contrib.auth.models import User
from django.db import connection
from django.utils.timezone import now

from batchgen.db.ids import new_id
from batchgen.db.sql import Row, Statement, run
from epics.models import Epic, Project
from runs.engine.claims import Claiming, LaneClaim, lane_claim, lanes_claim
from runs.engine.lanes import (
    Fence,
    Finishing,
    GivingBack,
    Parking,
    lane_finish,
    lane_give_back,
    lane_park,
    lanes_finish,
    lanes_give_back,
    lanes_park,
)
from runs.engine.outcomes import Outcome, Spend
from runs.models import Lane, Run, RunItem
from runs.states import ItemStatus, LaneState

M = TypeVar("M")
T = TypeVar("T")

#: All that is a bystander's, or that a move of its lane writes; Django would take sixty statements.
_GONE = """
WITH project AS (DELETE FROM epics_project WHERE id = %(project)s),
     epic AS (DELETE FROM epics_epic WHERE project_id = %(project)s),
     call AS (DELETE FROM runs_providercall WHERE item_id = %(item)s),
     target AS (DELETE FROM runs_opentarget WHERE run_id = %(run)s),
     item AS (DELETE FROM runs_runitem WHERE run_id = %(run)s),
     lane AS (DELETE FROM runs_lane WHERE run_id = %(run)s),
     line AS (DELETE FROM runs_runlog WHERE run_id = %(run)s)
DELETE FROM runs_run WHERE id = %(run)s
"""
#: Before every other lane, and long gone.
_LATE_LANE_ID = 0
#: Set by the fixture `grouping`, for a test's threads too.
grouped = False


def execute_here(statement: Statement[Any]) -> None:
    """In this thread's transaction, as Django's cursors bind it."""
    params: Any = statement.params
    with connection.cursor() as cursor:
        cursor.execute(statement.queries[statement.name], params)


def claim(
    *, fence: Fence, worker_id: UUID, call_id: UUID | None, held_micro_usd: int | None = None
) -> LaneClaim | None:
    """`lane_claim`, or as one of a group."""
    return _moved(
        fence,
        lambda fence: Claiming(fence=fence, call_id=call_id and new_id()),
        Claiming(fence=fence, call_id=call_id, held_micro_usd=held_micro_usd),
        one=partial(lane_claim, worker_id=worker_id),
        group=partial(lanes_claim, worker_id=worker_id),
        state=LaneState.SENT,
    )


def finish(
    *, fence: Fence, call_id: UUID | None, outcome: Outcome, spend: Spend, park_s: float
) -> Row | None:
    """`lane_finish`, or as one of a group."""
    done = Outcome(status=ItemStatus.SKIPPED, message="Skipped", error_code="GONE", error="Gone.")
    return _moved(
        fence,
        lambda fence: Finishing(
            fence=fence, call_id=None, outcome=done, spend=Spend(input_tokens=7), park_s=1
        ),
        Finishing(fence=fence, call_id=call_id, outcome=outcome, spend=spend, park_s=park_s),
        one=lane_finish,
        group=lanes_finish,
        state=LaneState.RUNNING,
    )


def give_back(*, fence: Fence, **given: Any) -> bool:
    """`lane_give_back`, or as one of a group."""
    return _moved(
        fence,
        lambda fence: GivingBack(
            fence=fence, call_id=None, reason="backoff", message="Other", wait_s=9, refund=False
        ),
        GivingBack(fence=fence, **given),
        one=lane_give_back,
        group=lanes_give_back,
        state=LaneState.RUNNING,
    )


def park(*, fence: Fence, reason: str, wait_s: float) -> bool:
    """`lane_park`, or as one of a group."""
    return _moved(
        fence,
        lambda fence: Parking(fence=fence, reason="turn", wait_s=9),
        Parking(fence=fence, reason=reason, wait_s=wait_s),
        one=lane_park,
        group=lanes_park,
        state=LaneState.SENT,
    )


def _moved(
    fence: Fence,
    other: Callable[[Fence], M],
    member: M,
    *,
    one: Callable[[M], Statement[T]],
    group: Callable[[Sequence[M]], Statement[list[T]]],
    state: LaneState,
) -> T:
    if not grouped:
        return run(one(member))
    late = Fence(lane_id=_LATE_LANE_ID, fencing_token=1, item_id=new_id(), kind=fence.kind)
    with _bystander(fence.kind, state) as beside:
        try:
            answers = run(group([other(beside), member, other(late)]))
        except psycopg.OperationalError:
            return run(one(member))
    assert answers[0], "an unrelated lane was moved"
    assert not answers[2], "a late message moves nothing"
    return answers[1]


@contextmanager
def _bystander(kind: str, state: LaneState) -> Iterator[Fence]:
    """A lane of another user's run, with an item of this kind."""
    user, _ = User.objects.get_or_create(username="bystander")
    project = Project.objects.create(created_by=user, name="Elsewhere")
    item = _item(project, kind, state)
    assert item.lane_id
    try:
        yield Fence(lane_id=item.lane_id, fencing_token=3, item_id=item.pk, kind=kind)
    finally:
        with connection.cursor() as cursor:
            gone = {"project": project.pk, "run": item.run_id, "item": item.pk}
            cursor.execute(_GONE, gone)


def _item(project: Project, kind: str, state: LaneState) -> RunItem:
    epic = Epic.objects.create(project=project, code="E1", order=1, title="Other", description="O.")
    made = Run.objects.create(
        project=project,
        created_by=project.created_by,
        type="GENERATE_ALL_STORIES",
        status="RUNNING",
        max_concurrency=1,
        total_items=1,
        model="m",
        max_tokens=100,
        provider="simulator",
    )
    lane = Lane.objects.create(run=made, index=0, state=state, fencing_token=3)
    is_sent = state == LaneState.SENT
    return RunItem.objects.create(
        run=made,
        kind=kind,
        target_id=epic.pk,
        code="E1",
        title="Other",
        order=1,
        lane=lane,
        status=ItemStatus.PENDING if is_sent else ItemStatus.GENERATING,
        started_at=None if is_sent else now(),
    )
