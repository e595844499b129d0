"""A worker in a crowd: it moves lanes in groups and singly, and takes back what nobody runs."""

import random
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from batchgen.db.ids import new_id
from batchgen.db.sql import Statement
from runs.engine.calls import call_book, call_next
from runs.engine.claims import Claiming, lane_claim, lanes_claim
from runs.engine.going_on import GoingOn, lane_go_on, lanes_go_on
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
    lanes_reclaim,
)
from runs.engine.outcomes import Outcome
from runs.engine.queries import QUERIES
from runs.engine.reconciler import reconcile
from runs.engine.transitions import run_begin, run_dispatch
from runs.models import Lane, Run, RunItem
from runs.states import ItemStatus, LaneState, RunStatus
from tests.integration.engine import test_page_runs, test_subtask_runs
from tests.integration.engine.crowd_somebody import Action, Somebody
from tests.integration.engine.world import SPEND, stories_make, worker_make

M = TypeVar("M")
T = TypeVar("T")

#: For each call, in micro-dollars.
_HELD = 50_000
#: In tokens, no item.
_LARGE = 1_000_000


def _claimings(fences: Sequence[Fence]) -> list[Claiming]:
    return [Claiming(fence=fence, call_id=new_id(), held_micro_usd=_HELD) for fence in fences]


class Worker(Somebody):
    """One worker, with all its lanes and its reconciler.

    Attributes:
        failed: how many groups failed as a whole, by the error's name.
        edited: targets whose attempts nobody ends.
    """

    def __init__(self, chance: random.Random, run: Callable[[Statement[Any]], Any]) -> None:
        """`run`: how it runs a statement."""
        super().__init__(chance)
        self.failed: Counter[str] = Counter()
        self.edited: set[UUID] = set()
        self._run = run
        self._worker = worker_make(lease_s=3600)
        #: What the attempts have, with their calls.
        self._held: dict[Fence, UUID] = {}

    def claims(self) -> Action | None:
        fences = self._of_one_kind(self._fences())
        if not fences:
            return None
        members = [
            Claiming(fence=fence, call_id=new_id(), held_micro_usd=_HELD) for fence in fences
        ]

        def act() -> None:
            answers = self._grouped(
                members,
                partial(lane_claim, worker_id=self._worker.id),
                partial(lanes_claim, worker_id=self._worker.id),
            )
            for member, claim in zip(members, answers, strict=True):
                if claim is not None and member.call_id is not None:
                    self._held[member.fence] = member.call_id
                    if claim.run_status == RunStatus.QUEUED:
                        run_begin(run_id=claim.run_id)

        return act

    def parks(self) -> Action | None:
        fences = self._of_one_kind(self._fences())
        members = [Parking(fence=fence, reason="turn", wait_s=0) for fence in fences]
        return partial(self._grouped, members, lane_park, lanes_park) if members else None

    def finishes(self) -> Action | None:
        taken = self._take()
        members = [
            Finishing(
                fence=fence, call_id=call_id, outcome=self._outcome(fence), spend=SPEND, park_s=0
            )
            for fence, call_id in taken.items()
        ]
        # Now and then all are ended once more later, by an attempt that does not know it.
        again = taken if self.random.random() < 0.1 else {}

        def act() -> None:
            self._grouped(members, lane_finish, lanes_finish)
            self._held.update(again)

        return act if members else None

    def goes_on(self) -> Action | None:
        members = [
            GoingOn(
                finishing=Finishing(
                    fence=fence,
                    call_id=call_id,
                    outcome=self._outcome(fence, status=ItemStatus.COMPLETED),
                    spend=SPEND,
                    park_s=0,
                ),
                call_id=new_id(),
                held_micro_usd=_HELD,
                input_tokens=_LARGE,
            )
            for fence, call_id in self._take().items()
        ]

        def act() -> None:
            for member, moved in zip(
                members, self._grouped(members, lane_go_on, lanes_go_on), strict=True
            ):
                if moved and moved.claim:
                    self._held[moved.claim.fence] = member.call_id

        return act if members else None

    def finish_of(self, target_id: UUID) -> Action:
        """The end of the target's item in a group with others, which it holds up; nobody else ends
        it meanwhile."""
        (item,) = RunItem.objects.filter(target_id=target_id)
        self.edited.add(target_id)
        fences = [fence for fence in self._fences() if fence.kind == item.kind]
        members = [
            Claiming(fence=fence, call_id=new_id(), held_micro_usd=_HELD) for fence in fences
        ]
        claims = self._run(lanes_claim(members, worker_id=self._worker.id))
        ends = [
            Finishing(
                fence=claim.fence,
                call_id=claim.call_id,
                outcome=self._outcome(claim.fence, status=ItemStatus.COMPLETED),
                spend=SPEND,
                park_s=0,
            )
            for claim in claims
            if claim is not None
        ]
        ends.sort(key=lambda end: end.fence.item_id == item.id)
        return partial(self._grouped, ends, lane_finish, lanes_finish)

    def give_backs(self) -> Action | None:
        members = [
            GivingBack(
                fence=fence,
                call_id=call_id,
                reason="backoff",
                message="Once more",
                wait_s=0,
                refund=self.random.random() < 0.5,
            )
            for fence, call_id in self._take().items()
        ]
        return partial(self._grouped, members, lane_give_back, lanes_give_back) if members else None

    def calls(self) -> Action | None:
        if not self._held:
            return None
        fence = self.random.choice(list(self._held))
        call_id, next_call_id = self._held.pop(fence), new_id()

        def act() -> None:
            begun = self._run(
                call_next(
                    fence=fence,
                    call_id=call_id,
                    next_call_id=next_call_id,
                    spend=SPEND,
                    response={},
                    purpose="repair",
                    model="m",
                    held_micro_usd=_HELD,
                )
            )
            if not begun:
                self._run(call_book(lane_id=fence.lane_id, call_id=call_id, spend=SPEND))
            else:
                self._held[fence] = next_call_id

        return act

    def beats(self) -> Action | None:
        reached = [
            {
                "item_id": str(fence.item_id),
                "lane_id": fence.lane_id,
                "fencing_token": fence.fencing_token,
                "stage": "generation",
                "stage_percent": 50,
                "remaining_ms": 10,
                "stage_ms": {},
                "skipped_stages": [],
                "notes": [],
            }
            for fence in self._held
        ]
        self.random.shuffle(reached)
        params = {
            "worker_id": self._worker.id,
            "lease_s": 3600.0,
            "clock_ahead_s": 0.0,
            "reached": Jsonb(reached),
        }
        return partial(QUERIES.fetch, "worker_beat", params)

    def reclaims(self) -> Action | None:
        """Of claims that the worker does not run, and of some that it does."""
        edited = RunItem.objects.filter(target_id__in=self.edited, lane__isnull=False)
        running = Lane.objects.filter(state=LaneState.RUNNING).exclude(id__in=edited.values("lane"))
        lanes = running.values_list("id", "fencing_token")
        known = {(fence.lane_id, fence.fencing_token) for fence in self._held}
        kept = set(self.random.sample(sorted(known), len(known) * 4 // 5))
        orphans = [f"{lane}.{token}" for lane, token in lanes if (lane, token) not in kept]
        self.random.shuffle(orphans)
        return partial(lanes_reclaim, orphans=orphans[:4], judge=False)

    def reconciles(self) -> Action | None:
        return partial(reconcile, judge=False)

    def dispatches(self) -> Action | None:
        run = self.one_of(Run.objects.filter(completed_at__isnull=True))
        return run and partial(run_dispatch, run_id=run.id)

    def orphans(self) -> list[str]:
        """Claims that nobody runs."""
        known = {(fence.lane_id, fence.fencing_token) for fence in self._held}
        lanes = Lane.objects.filter(state=LaneState.RUNNING).values_list("id", "fencing_token")
        return [f"{lane}.{token}" for lane, token in lanes if (lane, token) not in known]

    def _fences(self) -> list[Fence]:
        items = RunItem.objects.filter(
            status=ItemStatus.PENDING, lane__state=LaneState.SENT
        ).values_list("lane_id", "lane__fencing_token", "id", "kind")
        return [
            Fence(lane_id=lane_id, fencing_token=token, item_id=item_id, kind=kind)
            for lane_id, token, item_id, kind in items
        ]

    def _of_one_kind(self, fences: Sequence[Fence]) -> list[Fence]:
        if not fences:
            return []
        kind = self.random.choice([fence.kind for fence in fences])
        some = [fence for fence in fences if fence.kind == kind]
        return self.random.sample(some, min(len(some), self.random.randint(1, 5)))

    def _take(self) -> dict[Fence, UUID]:
        """Some attempts of one kind, with their calls; nobody else has them from here on."""
        edited = RunItem.objects.filter(target_id__in=self.edited).values_list("id", flat=True)
        free = [fence for fence in self._held if fence.item_id not in set(edited)]
        return {fence: self._held.pop(fence) for fence in self._of_one_kind(free)}

    def _outcome(self, fence: Fence, *, status: ItemStatus | None = None) -> Outcome:
        status = status or self.random.choice([ItemStatus.COMPLETED] * 4 + [ItemStatus.FAILED])
        failed = status == ItemStatus.FAILED
        made = {
            "stories": {"stories": stories_make(2), "prompt_revision": 0},
            "subtasks": {"subtasks": test_subtask_runs.rows("Store it", "Show it")},
            "pages": test_page_runs.result(),
        }
        return Outcome(
            status=status,
            message=f"{status}",
            result=None if failed else made[fence.kind],
            error_code="REFUSED" if failed else "",
            error="No." if failed else "",
        )

    def _grouped(
        self,
        members: Sequence[M],
        one: Callable[[M], Statement[T]],
        group: Callable[[Sequence[M]], Statement[list[T]]],
    ) -> list[T]:
        """As a worker runs them: all at once, or one by one where that fails."""
        if len(members) > 1:
            try:
                answers: list[T] = self._run(group(members))
            except psycopg.Error as error:
                self.failed[type(error).__name__] += 1
            else:
                return answers
        return [self._run(one(member)) for member in members]
