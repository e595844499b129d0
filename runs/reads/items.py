"""Items of a run, and what is shown of each: by the API, live events, the admin and the commands.

`run_items` reads them; what a row does not say by itself (how far it is, why it waits) is computed
by the functions here, and nowhere else.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from django.db.models import QuerySet

from batchgen.db.compiled_query import CompiledRows
from batchgen.errors import NotFound
from content.registry import kinds_of_items
from runs.models import ProviderCall, Run, RunItem
from runs.states import ItemStatus, LaneState, RunStatus, WaitReason


@dataclass(frozen=True, kw_only=True, slots=True)
class Waiting:
    """Why a pending item does not start, and until when if that is known."""

    reason: str
    until_at: datetime | None = None


class Spent(Protocol):
    """What counts tokens: an item, a run, a call. None: the provider did not say."""

    @property
    def input_tokens(self) -> int | None: ...
    @property
    def cache_read_tokens(self) -> int | None: ...
    @property
    def cache_write_tokens(self) -> int | None: ...
    @property
    def output_tokens(self) -> int | None: ...


def run_items(*, run: Run) -> "QuerySet[RunItem]":
    """The run's items in their order, with their lanes; each knows its run."""
    return run.items.select_related("lane").order_by("order")


def items_list(
    *, run: Run, epics: bool = False, status: str | None = None, ended: bool = False
) -> CompiledRows[RunItem]:
    """Of `run_items` those that `items_among` chooses."""
    chosen = {"epics": epics, "status": status, "ended": ended}
    return CompiledRows(_items, run_id=run.pk, **chosen).knowing(run=run)


def _items(*, run_id: UUID, epics: bool, status: str | None, ended: bool) -> "QuerySet[RunItem]":
    items = RunItem.objects.filter(run=run_id).select_related("lane").order_by("order")
    return items_among(items, epics=epics, status=status, ended=ended)


def items_among(
    items: "QuerySet[RunItem]",
    *,
    epics: bool = False,
    status: str | None = None,
    ended: bool = False,
) -> "QuerySet[RunItem]":
    """Some of these items.

    Args:
        epics: those that are epics: what the API's `epics` are.
        status: None: any.
        ended: those whose end was written.
    """
    if epics:
        items = items.filter(kind__in=kinds_of_items("epic"))
    if status:
        items = items.filter(status=status)
    if ended:
        items = items.filter(completed_at__isnull=False)
    return items


def item_read(*, run: Run, item_id: UUID, epics: bool = False) -> RunItem:
    """One of `run_items`.

    Args:
        epics: it is an epic.

    Raises:
        NotFound: the run has no such item.
    """
    rows = CompiledRows(_item, run_id=run.pk, item_id=item_id, epics=epics)
    item = rows.knowing(run=run).first()
    if item is None:
        raise NotFound
    return item


def _item(*, run_id: UUID, item_id: UUID, epics: bool) -> "QuerySet[RunItem]":
    items = RunItem.objects.filter(run=run_id, pk=item_id).select_related("lane")
    return items_among(items, epics=epics)


def item_calls(*, item: RunItem) -> "QuerySet[ProviderCall]":
    """The provider calls that were made for the item, in their order, without the answers."""
    return item.calls.defer("response").order_by("started_at", "id")


def items_generating(*, run_id: UUID) -> "QuerySet[RunItem]":
    """What is being generated right now, the latest first."""
    return RunItem.objects.filter(
        status=ItemStatus.GENERATING, lane__run=run_id, lane__state=LaneState.RUNNING
    ).order_by("-lane__moved_at")


def stage_percent(item: RunItem) -> int:
    """How far its attempt is, or came; 0 while it waits for one."""
    return item.stage_percent if item.stage else 0


def remaining_ms(item: RunItem) -> int | None:
    """What is left of the attempt that is under way, as of its worker's last heartbeat."""
    return item.remaining_ms if item.status == ItemStatus.GENERATING else None


def waiting_of(item: RunItem) -> Waiting | None:
    """Why the item waits, where it is more than its turn that has not come."""
    lane = item.lane
    if item.status != ItemStatus.PENDING:
        return None
    if item.run.status == RunStatus.PAUSED:
        return Waiting(reason=WaitReason.RUN_PAUSED)
    if item.in_batch:
        return Waiting(reason=WaitReason.BATCH)
    if lane is not None and lane.state == LaneState.PARKED:
        return Waiting(reason=lane.wait_reason, until_at=lane.wake_at)
    return None


def duration_ms(item: RunItem) -> int | None:
    """From the item's first claim to its end, waits in between and all; None before."""
    if item.started_at is None or item.completed_at is None:
        return None
    elapsed = item.completed_at - item.started_at
    return max(0, round(elapsed.total_seconds() * 1000))


def tokens_read(spent: Spent) -> int | None:
    """All that the model was given, cached or not; None where the provider did not say."""
    parts = (spent.input_tokens, spent.cache_read_tokens, spent.cache_write_tokens)
    known = [part for part in parts if part is not None]
    return sum(known) if len(known) == len(parts) else None
