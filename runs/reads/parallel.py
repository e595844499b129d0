"""What goes on in a run at the same time: its pace of late, who works on it, and on what.

What it costs depends on the run's lanes and on what ended of late, not on its items.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from batchgen.db.clock import database_now
from batchgen.db.compiled_query import CompiledRows
from runs.engine.queries import QUERIES
from runs.models import Run, RunItem
from runs.reads.surroundings import workers_by_name

#: Of which the pace is shown.
MINUTES = 15
#: What is shown of it: items under way, items that ended last, workers.
MOST_ACTIVE, MOST_ENDED, MOST_WORKERS = 12, 10, 24
#: So many have to be brought to an end before what is left of another one is told.
_ENOUGH = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class ActiveItem:
    """An item that is generated.

    Attributes:
        remaining_ms: of its attempt; None: that cannot be told yet.
    """

    item_id: UUID
    code: str
    title: str
    stage: str
    percent: int
    remaining_ms: int | None
    since: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerPart:
    """A live worker, and its part in the run.

    Attributes:
        under_way: items of the run that it generates.
        items: of them, those that began first.
    """

    name: str
    concurrency: int
    under_way: int
    items: Sequence[ActiveItem]


@dataclass(frozen=True, kw_only=True, slots=True)
class Parallel:
    """A run's parallel generation as of one moment, of a run that ended as of its end.

    Attributes:
        per_minute: items completed in each of the last MINUTES, the last minute last.
        active: those under way that began first.
        ended: those that ended last within these minutes, the last one first.
        workers: all that live, those that work on the run first; at most MOST_WORKERS.
        workers_alive: how many live.
    """

    per_minute: Sequence[int]
    active: Sequence[ActiveItem]
    ended: Sequence[RunItem]
    workers: Sequence[WorkerPart]
    workers_alive: int

    @property
    def throughput(self) -> int:
        """Items completed within the last minute."""
        return self.per_minute[-1]


def parallel_read(*, run: Run) -> Parallel:
    """In four queries; of a run that ended in two."""
    until = run.completed_at or database_now()
    rows = [] if run.completed_at else _under_way(run)
    workers = [] if run.completed_at else _workers(rows)
    since = until - timedelta(minutes=MINUTES)
    ended = CompiledRows(_ended, run_id=run.pk, since=since, until=until)
    return Parallel(
        per_minute=_per_minute(run, until),
        active=list(map(_active, rows[:MOST_ACTIVE])),
        ended=list(ended.knowing(run=run)),
        workers=workers[:MOST_WORKERS],
        workers_alive=len(workers),
    )


def _per_minute(run: Run, until: datetime) -> list[int]:
    params = {"run_id": run.pk, "until": until, "minutes": MINUTES}
    counts = [0] * MINUTES
    for row in QUERIES.fetch("run_minutes", params):
        counts[-1 - row["minutes_ago"]] = row["items"]
    return counts


def _under_way(run: Run) -> list[dict[str, Any]]:
    return QUERIES.fetch("run_under_way", {"run_id": run.pk, "most": MOST_ACTIVE})


def _active(row: dict[str, Any]) -> ActiveItem:
    return ActiveItem(
        item_id=row["item_id"],
        code=row["code"],
        title=row["title"],
        stage=row["stage"],
        percent=row["stage_percent"] if row["stage"] else 0,
        remaining_ms=row["remaining_ms"] if row["done"] >= _ENOUGH else None,
        since=row["since"],
    )


def _workers(rows: Iterable[dict[str, Any]]) -> list[WorkerPart]:
    """Of items under way those who have them, and all others that live."""
    held = defaultdict(list)
    for row in rows:
        held[row["worker_id"]].append(row)
    parts = [
        WorkerPart(
            name=worker.name,
            concurrency=worker.concurrency,
            under_way=held[worker.pk][0]["of_worker"] if worker.pk in held else 0,
            items=list(map(_active, held.get(worker.pk, ()))),
        )
        for worker in CompiledRows(workers_by_name)
    ]
    return sorted(parts, key=lambda part: -part.under_way)


def _ended(*, run_id: UUID, since: datetime, until: datetime) -> "QuerySet[RunItem]":
    ended = RunItem.objects.filter(run=run_id, completed_at__gt=since, completed_at__lte=until)
    return ended.order_by("-completed_at", "-id")[:MOST_ENDED]
