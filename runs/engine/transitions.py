"""How a run moves from status to status: it begins, is paused, resumed or cancelled, and ends.

Each function is one transaction, decided by the WHERE clause of an UPDATE.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, Sum
from django.db.models.functions import Now

from content.kind import counted
from content.registry import Kind, kind_named, kind_started_by, run_types
from runs.engine import dispatch
from runs.engine.lanes import MOST_RESTED, lanes_dispatch, lanes_rest
from runs.engine.news import RunNews, news_tell
from runs.engine.open_targets import all_close, waiting_close
from runs.engine.queries import QUERIES
from runs.engine.trail import Actor, action_write, actor_hold, log_append
from runs.models import Lane, Run, RunAction, RunItem, RunLog
from runs.quoted import bill_line, run_quote
from runs.run_metrics import RUN_S
from runs.run_spans import run_span
from runs.states import FINAL, ItemStatus, RunStatus, sources_of

log = logging.getLogger(__name__)


#: Messages of one user's runs that are read in the order of their priority; more of them wait
#: behind those of others, so that nobody's runs wait for a thousand messages to be looked at.
MOST_AHEAD = 100
#: Lanes that a pause or a cancel puts to rest itself: whoever asked for it waits.
_RESTED_AT_ONCE = 100


def run_dispatch(*, run_id: UUID, lost_lane_ids: Sequence[int] = ()) -> int:
    """Give the run's free lanes epics and send their messages; how many were sent."""
    links = lanes_dispatch(run_id=run_id, lost_lane_ids=lost_lane_ids)
    if links:
        (user,) = QUERIES.fetch("messages_of_user", {"user_id": links[0].user_id})
        first = max(0, MOST_AHEAD - user["sent"] + len(links))
        dispatch.send(links[:first])
        dispatch.send(links[first:], behind=True)
    return len(links)


def run_rest(*, run_id: UUID, most: int = MOST_RESTED) -> int:
    """Have lanes that may not go on let their epics go, at most so many; how many did. The
    reconciler does the others."""
    rested = lanes_rest(run_id=run_id, most=most)
    dispatch.revoke(row for row in rested if row["sent"])
    return len(rested)


def run_begin(*, run_id: UUID, item_word: str = "item") -> bool:
    """QUEUED -> RUNNING, by the first claimed item; False when another was first.

    Args:
        item_word: what the log calls it.
    """
    with transaction.atomic():
        began = Run.objects.filter(id=run_id, status__in=[RunStatus.QUEUED]).update(
            status=RunStatus.RUNNING,
            started_at=Now(),
            version=F("version") + 1,
        )
        if began:
            log_append(run_id=run_id, message=f"A worker has taken the first {item_word}.")
            news_tell(run_id, RunNews.STARTED)
    return bool(began)


@dataclass(frozen=True, kw_only=True, slots=True)
class Transition:
    """A run's move to another status."""

    run_id: UUID
    kind: RunAction.Kind
    previous: RunStatus
    status: RunStatus
    at: datetime
    #: Epics whose provider call had begun; no other call of the run starts once it stands still.
    in_flight: int
    #: Requests that were out in the provider's batches; no other one goes out.
    requests_out: int = 0


#: Statuses that lead there in their own way: QUEUED begins with its first epic (`run_begin`).
_NOT_MOVED: dict[RunStatus, tuple[RunStatus, ...]] = defaultdict(
    tuple, {RunStatus.RUNNING: (RunStatus.QUEUED,)}
)
#: A move that ends a run is told once calls in flight have ended: `run_finalize`.
_NEWS = {RunStatus.PAUSED: RunNews.PAUSED, RunStatus.RUNNING: RunNews.RESUMED}


def run_move(
    *,
    run_id: UUID,
    to: RunStatus,
    kind: RunAction.Kind,
    user: Actor | None = None,
    message: str,
    error_code: str = "",
    cancel_batches: bool = False,
    still: Callable[[], bool] | None = None,
) -> Transition | None:
    """Move a run on, log it and keep who did it; None when its status does not allow it.

    Where the run stands still afterwards, this waits for claims under way, so that `in_flight`
    is exact; lanes that wait come to rest.

    Args:
        user: None where the engine itself decided.
        error_code: why, where something went wrong.
        cancel_batches: have what is out in the provider's batches cancelled there; of a run that
            is over it always is.
        still: whether to move it, asked once its row is held; else None.
    """
    params: dict[str, Any] = {
        "run_id": run_id,
        "to": to.value,
        "sources": [source.value for source in sources_of(to) if source not in _NOT_MOVED[to]],
        "error_code": error_code,
        "error": message if error_code else "",
    }
    with transaction.atomic(), connection.cursor() as cursor:
        actor_hold(run_id=run_id, user=user)
        cursor.execute(QUERIES["run_move"], params)
        row = cursor.fetchone()
        if row is None:
            return None
        if still is not None and not still():
            transaction.set_rollback(True)
            return None
        # A statement of its own: it sees the claims that the one before waited for.
        standing = run_standing(run_id=run_id)
        moved = Transition(
            run_id=run_id,
            kind=kind,
            previous=RunStatus(row[0]),
            status=to,
            at=row[1],
            in_flight=standing.in_flight,
            requests_out=standing.requests_out,
        )
        if cancel_batches or to in FINAL:
            cursor.execute(QUERIES["batches_cancel"], {"run_id": run_id})
        elif to == RunStatus.RUNNING:
            cursor.execute(QUERIES["batches_keep"], {"run_id": run_id})
        reason = {"reason": error_code} if error_code else {}
        counted = {"inFlight": standing.in_flight, "epicsDone": standing.done}
        if moved.requests_out:
            counted["requestsOut"] = moved.requests_out
        details = {"from": moved.previous, "to": to, **counted, **reason}
        action_write(run_id=run_id, kind=kind, user=user, at=moved.at, details=details)
        log_append(run_id=run_id, message=message, level="warning" if error_code else "info")
        if to in FINAL:
            waiting_close(run_id=run_id)
        else:
            news_tell(run_id, _NEWS[to])
    if to == RunStatus.RUNNING:
        run_dispatch(run_id=run_id)
    elif standing.waiting:
        run_rest(run_id=run_id, most=_RESTED_AT_ONCE)
    if to != RunStatus.PAUSED:  # which ends when it is resumed
        run_finalize(run_id=run_id)
    return moved


class RunStanding(NamedTuple):
    """What is under way in a run.

    Attributes:
        in_flight: items that lanes have under way.
        waiting: lanes whose item waits.
        done: items that workers brought to an end.
        requests_out: requests out in the provider's batches.
    """

    in_flight: int
    waiting: int
    done: int
    requests_out: int


def run_standing(*, run_id: UUID) -> RunStanding:
    """By the caller's transaction."""
    with connection.cursor() as cursor:
        cursor.execute(QUERIES["run_standing"], {"run_id": run_id})
        return RunStanding(*cursor.fetchone())


def run_break_circuit(*, run_id: UUID, error_code: str) -> bool:
    """Pause the run if its last items all failed alike and others are waiting for the same fate.

    After a resume one more such failure pauses it again; any other outcome starts the count anew.
    """
    items = RunItem.objects.filter(run_id=run_id)
    last = items.filter(completed_at__isnull=False).order_by("-completed_at")
    ended = list(last.values_list("error_code", "kind")[: settings.FAILURES_IN_A_ROW])
    if [code for code, _ in ended] != [error_code] * settings.FAILURES_IN_A_ROW:
        return False
    if not items.filter(status=ItemStatus.PENDING).exists():
        return False
    many = counted(len(ended), kind_named(ended[0][1]).item_words)
    moved = run_move(
        run_id=run_id,
        to=RunStatus.PAUSED,
        kind=RunAction.Kind.PAUSE,
        message=(
            f"{many} in a row failed with {error_code}. Look at their errors, mend "
            "the cause, then resume; retry-failed runs the failed ones again at the end."
        ),
        error_code="FAILURES_IN_A_ROW",
    )
    return moved is not None


def run_finalize(*, run_id: UUID) -> str | None:
    """End the run if nothing is left to do; its final status, or None."""
    with transaction.atomic(), connection.cursor() as cursor:
        params: dict[str, Any] = {"run_id": run_id, "of_epics": run_types(item_kind="epic")}
        cursor.execute(QUERIES["run_finalize"], params)
        end = cursor.fetchone()
        if end is None:
            return None
        all_close(run_id=run_id)
        runs = Run.objects.annotate(taken=F("completed_at") - F("started_at"))
        ended = runs.select_related("quote").get(id=run_id)
        status, line = _end_line(kind_started_by(ended.type), end)
        log_append(run_id=run_id, message=line, level=_END_LEVEL[status])
        _bill_append(ended)
        news_tell(run_id, RunNews.ENDED)
    if ended.taken is not None:
        RUN_S.labels(status).observe(ended.taken.total_seconds())
    run_span(ended)
    log.info("run %s ended: %s", run_id, line)
    return status


_END_LEVEL = {
    RunStatus.SUCCEEDED: RunLog.Level.INFO,
    RunStatus.COMPLETED_WITH_ERRORS: RunLog.Level.WARNING,
    RunStatus.FAILED: RunLog.Level.ERROR,
    RunStatus.CANCELLED: RunLog.Level.WARNING,
}


def _bill_append(ended: Run) -> None:
    """A run that was quoted: its quote beside its bill."""
    if ended.quote is None:
        return
    cost_usd = Lane.objects.filter(run=ended).aggregate(n=Sum("cost_usd"))["n"]
    taken = vars(ended)["taken"]
    quote = run_quote(
        ended.quote.pk,
        ended.quote.answer,
        lane=ended.lane,
        cost_usd=cost_usd or Decimal(0),
        duration_ms=round(taken.total_seconds() * 1000) if taken else 0,
    )
    if quote and quote.bill:
        log_append(run_id=ended.pk, message=bill_line(quote, quote.bill))


def _end_line(kind: Kind, end: tuple[str, int, int, int, int]) -> tuple[RunStatus, str]:
    status, completed, failed, skipped, created = end
    made, from_items = counted(created, kind.made_words), counted(completed, kind.item_words)
    line = f"{status}: {made} from {from_items}"
    if failed:
        line += f", {failed} failed"
    if skipped:
        line += f", {skipped} skipped"
    return RunStatus(status), f"{line}."
