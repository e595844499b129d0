"""A provider's batches in this process, and a lane for batches that goes by them round for round:
for what no real provider can be made to do at a given moment."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import F

from batchgen.db.clock import database_now
from batchgen.db.ids import new_id
from batchgen.db.sql import AsyncDatabase
from epics.models import Project
from providers.batches import (
    BatchCounts,
    BatchRequest,
    BatchResult,
    BatchState,
    BatchStatus,
    Outcome,
)
from providers.errors import (
    BatchNotFound,
    BatchResultsCut,
    ProviderError,
    RequestRejected,
)
from providers.values import Completion, CompletionRequest, StopReason, Usage
from runs.engine.lanes import Fence
from runs.engine.start import RunOptions, run_start
from runs.models import Lane, ProviderBatch, ProviderCall, Run, RunItem
from runs.states import MoneyLane
from tests.integration.engine.world import project_make
from tests.loops import Loop
from workers.batches.driver import BatchLane

_ANYTHING = CompletionRequest(
    model="m", max_tokens=1, system=(), user="", schema={}, marker="", purpose="generate"
)
USAGE = Usage(input_tokens=1000, output_tokens=400)


@dataclass
class Kept:
    """A batch on the shelf."""

    requests: list[BatchRequest]
    id: str = field(default_factory=lambda: f"msgbatch_{new_id().hex}")
    status: BatchStatus = BatchStatus.IN_PROGRESS
    created_at: datetime = field(default_factory=database_now)
    #: By the custom id, where it is not answered.
    outcomes: dict[str, Outcome | ProviderError] = field(default_factory=dict)

    def state(self) -> BatchState:
        ended = self.status is BatchStatus.ENDED
        many = len(self.requests)
        told = [self.outcomes.get(each.custom_id, Outcome.SUCCEEDED) for each in self.requests]
        counts = BatchCounts(
            succeeded=told.count(Outcome.SUCCEEDED),
            canceled=told.count(Outcome.CANCELED),
            expired=told.count(Outcome.EXPIRED),
            errored=sum(isinstance(each, ProviderError) for each in told),
        )
        return BatchState(
            provider_id=self.id,
            status=self.status,
            counts=counts if ended else BatchCounts(processing=many),
            created_at=self.created_at,
        )


class Shelf:
    """`providers.batches.Batches`; what a test sets goes wrong once."""

    def __init__(self) -> None:
        self.kept: list[Kept] = []
        #: What creating raises next, and whether the batch is there all the same.
        self.refusal: BaseException | None = None
        self.kept_all_the_same = False
        #: Nobody finds batches, by list or by id.
        self.hidden = False
        #: Results break off after so many lines.
        self.cut_after: int | None = None
        self.without: set[str] = set()
        #: Lines of calls that nobody here made.
        self.strangers: list[str] = []
        self.asked: list[str] = []

    async def create(self, requests: Sequence[BatchRequest]) -> BatchState:
        self.asked.append("create")
        refusal, self.refusal = self.refusal, None
        kept = Kept(list(requests))
        if refusal is None or self.kept_all_the_same:
            self.kept.insert(0, kept)
        if refusal is not None:
            raise refusal
        return kept.state()

    async def newest(self, *, limit: int = 100, before: str | None = None) -> list[BatchState]:
        self.asked.append("newest")
        return [] if self.hidden else [kept.state() for kept in self.kept[:limit]]

    async def get(self, provider_id: str) -> BatchState:
        self.asked.append("get")
        return self._found(provider_id).state()

    async def cancel(self, provider_id: str) -> BatchState:
        self.asked.append("cancel")
        kept = self._found(provider_id)
        if kept.status is BatchStatus.ENDED:
            raise RequestRejected(detail="It has ended and cannot be canceled.")
        kept.status = BatchStatus.CANCELING
        return kept.state()

    async def results(self, state: BatchState) -> AsyncGenerator[BatchResult, None]:
        self.asked.append("results")
        kept = self._found(state.provider_id)
        cut_after, self.cut_after = self.cut_after, None
        for name in self.strangers:
            yield _result(kept, BatchRequest(custom_id=name, request=_ANYTHING))
        for place, request in enumerate(reversed(kept.requests)):
            if place == cut_after:
                raise BatchResultsCut
            if request.custom_id not in self.without:
                yield _result(kept, request)

    def end(self, kept: Kept | None = None, **outcomes: Outcome | ProviderError) -> None:
        """End a batch, or all of them."""
        for each in [kept] if kept else self.kept:
            each.status = BatchStatus.ENDED
            each.outcomes.update(outcomes)

    def foreign(self, many: int) -> Kept:
        """A batch that somebody else made with the same key."""
        requests = [
            BatchRequest(custom_id=f"theirs-{place}", request=_ANYTHING) for place in range(many)
        ]
        self.kept.insert(0, Kept(requests))
        return self.kept[0]

    def _found(self, provider_id: str) -> Kept:
        for kept in self.kept:
            if kept.id == provider_id and not self.hidden:
                return kept
        raise BatchNotFound


def _result(kept: Kept, request: BatchRequest) -> BatchResult:
    outcome = kept.outcomes.get(request.custom_id, Outcome.SUCCEEDED)
    if isinstance(outcome, ProviderError):
        return BatchResult(custom_id=request.custom_id, outcome=Outcome.ERRORED, error=outcome)
    if outcome is not Outcome.SUCCEEDED:
        return BatchResult(custom_id=request.custom_id, outcome=outcome)
    answer = Completion(
        text='{"stories": []}',
        stop_reason=StopReason.END,
        usage=USAGE,
        model=request.request.model,
        request_id="",
    )
    return BatchResult(custom_id=request.custom_id, outcome=outcome, completion=answer)


async def _round(lane: BatchLane) -> None:
    await lane.round()
    while lane.is_busy:
        await asyncio.sleep(0.01)


class Batching:
    """A lane for batches, in a test's hands."""

    def __init__(self, loop: Loop, database: AsyncDatabase) -> None:
        self.shelf = Shelf()
        self._loop = loop
        self._database = database
        self.lane = self._lane()

    def _lane(self) -> BatchLane:
        return BatchLane(self._database, self.shelf, "anthropic")

    def start(self, *, epics: int = 4, lane: str = MoneyLane.BATCH, **options: Any) -> Run:
        """Start a run whose first requests go by batches."""
        project: Project = project_make(epics=epics)
        chosen = {"pacing_profile": "adaptive", "max_concurrency": 2, **options}
        return run_start(
            project=project, user=project.created_by, options=RunOptions(lane=lane, **chosen)
        )

    def rounds(self, count: int = 1) -> None:
        """Go on, and wait for what that began."""
        for _ in range(count):
            self._loop.run(_round(self.lane))

    def both(self) -> None:
        """A round of two workers at once, each of which has taken the other for dead."""
        self._loop.run(self._both())

    async def _both(self) -> None:
        await asyncio.gather(_round(self.lane), _round(self._lane()))

    def another_worker(self) -> None:
        """The worker is gone; another one has the turn, and knows nothing but the rows."""
        self.lane = self._lane()


def the_batch(run: Run, **where: Any) -> ProviderBatch:
    """The run's only one."""
    return ProviderBatch.objects.get(run=run, **where)


def calls_of(batch: ProviderBatch) -> list[ProviderCall]:
    return list(ProviderCall.objects.filter(batch=batch).order_by("id"))


def starter(run: Run) -> User:
    assert run.created_by
    return run.created_by


def items(run: Run, **where: Any) -> Any:
    """The run's, in their order."""
    return RunItem.objects.filter(run=run, **where).order_by("order")


def sent(run: Run) -> Fence:
    """What the run's first message names."""
    lane = Lane.objects.filter(run=run, state="sent").order_by("index")[0]
    item = RunItem.objects.get(lane=lane)
    return Fence(lane_id=lane.id, fencing_token=lane.fencing_token, item_id=item.id, kind=item.kind)


def outcomes_of(batching: Batching, *which: Any) -> dict[str, Any]:
    """The outcomes of the shelf's newest batch's first requests."""
    kept = batching.shelf.kept[0]
    return {
        request.custom_id: outcome for request, outcome in zip(kept.requests, which, strict=False)
    }


def time_passes(run: Run, seconds: float) -> None:
    """What happened to the run's slices was so much earlier."""
    by = timedelta(seconds=seconds)
    ProviderBatch.objects.filter(run=run).update(
        intent_at=F("intent_at") - by,
        missing_since=F("missing_since") - by,
        cancel_at=F("cancel_at") - by,
    )


def custom_id(call_id: UUID) -> str:
    return call_id.hex
