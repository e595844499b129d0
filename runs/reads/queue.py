"""The queue as `GET /queue/status` shows it: of everybody for staff, else the caller's own share.

What it costs depends on the open runs and the workers, not on the backlog.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Count, F, Q, QuerySet, Sum
from django.db.models.functions import Now

from batchgen.db.compiled_query import CompiledRows
from epics.access import Somebody, projects_of
from epics.models import Project
from runs.engine.queries import QUERIES
from runs.models import Lane, Run, RunItem
from runs.reads.gates import Limits, gates_of, limits_read
from runs.reads.surroundings import workers_by_name
from runs.states import LaneState, RunStatus

#: Over which the throughput is taken, in minutes.
_THROUGHPUT_MIN = 5
#: What is shown of each worker, which may have thousands.
MOST_CURRENT = 100
#: Items that ended last.
MOST_ENDED = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class CurrentEpic:
    """What a worker is doing."""

    item_id: UUID
    run_id: UUID
    code: str
    since: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerStatus:
    """A live worker, with those of its epics that the caller may see."""

    id: str
    busy: bool
    concurrency: int
    current: tuple[CurrentEpic, ...]
    last_heartbeat_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class QueueStatus:
    """Epics that wait and are generated, what was done lately, who works, and the limits."""

    high: int
    normal: int
    low: int
    processing: int
    completed_last_hour: int
    failed_last_hour: int
    throughput_per_minute: float
    #: The MOST_ENDED that ended last within the last hour, the last one first.
    recently_completed: tuple[RunItem, ...]
    workers: tuple[WorkerStatus, ...]
    limits: tuple[Limits, ...]

    @property
    def pending(self) -> int:
        return self.high + self.normal + self.low

    @property
    def total(self) -> int:
        return self.pending + self.processing

    @property
    def max_concurrency(self) -> int:
        return sum(worker.concurrency for worker in self.workers)


def queue_status(*, user: Somebody) -> QueueStatus:
    """The queue now.

    Raises:
        redis.RedisError: Redis is away.
    """
    share = _share(user)
    (counts,) = QUERIES.fetch("queue_counts", {**share, "minutes": float(_THROUGHPUT_MIN)})
    recent = counts.pop("recent")
    return QueueStatus(
        **counts,
        throughput_per_minute=round(recent / _THROUGHPUT_MIN, 1),
        recently_completed=tuple(_recently_ended(share)),
        workers=tuple(_workers(share)),
        limits=tuple(limits_read(gates_of(Run.objects.filter(completed_at__isnull=True)))),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Running:
    """What a pause of every running run stops, and what it does not.

    Attributes:
        in_flight: items under way, which finish.
        waiting: items that would begin.
        queued: runs that have not begun, and so cannot be paused.
    """

    runs: int
    projects: int
    in_flight: int
    waiting: int
    queued: int


def running_read() -> Running:
    """All running runs, of everybody."""
    runs = Run.objects.filter(status=RunStatus.RUNNING)
    found = runs.aggregate(
        runs=Count("pk"), projects=Count("project", distinct=True), total=Sum("total_items")
    )
    over = F("completed") + F("failed") + F("skipped") + F("cancelled")
    lanes = Lane.objects.filter(run__in=runs).aggregate(
        in_flight=Count("pk", filter=Q(state=LaneState.RUNNING)), over=Sum(over)
    )
    return Running(
        runs=found["runs"],
        projects=found["projects"],
        in_flight=lanes["in_flight"],
        waiting=(found["total"] or 0) - (lanes["over"] or 0) - lanes["in_flight"],
        queued=Run.objects.filter(status=RunStatus.QUEUED).count(),
    )


def _share(user: Somebody) -> dict[str, object]:
    if user.is_staff:
        return {"everything": True, "project_ids": []}
    ids = list(CompiledRows(_project_ids, user_id=user.pk))
    return {"everything": False, "project_ids": ids}


def _project_ids(*, user_id: int | None) -> "QuerySet[Project, UUID]":
    return projects_of(user_id=user_id).order_by().values_list("pk", flat=True)


def _recently_ended(share: dict[str, Any]) -> "QuerySet[RunItem]":
    # Of the last hour, as the counts: who sees few projects would have all others' items read.
    ended = RunItem.objects.filter(completed_at__gt=Now() - timedelta(hours=1))
    if not share["everything"]:
        ended = ended.filter(run__project__in=share["project_ids"])
    return ended.order_by("-completed_at")[:MOST_ENDED]


def _workers(share: dict[str, object]) -> Iterable[WorkerStatus]:
    current: dict[UUID, list[dict[str, Any]]] = defaultdict(list)
    for row in QUERIES.fetch("queue_current", {**share, "most": MOST_CURRENT}):
        current[row["worker_id"]].append(row)
    for worker in CompiledRows(workers_by_name):
        rows = current[worker.pk]
        yield WorkerStatus(
            id=worker.name,
            busy=bool(rows),
            concurrency=worker.concurrency,
            current=tuple(
                CurrentEpic(
                    item_id=row["item_id"],
                    run_id=row["run_id"],
                    code=row["code"],
                    since=row["since"],
                )
                for row in rows
                if row["visible"]
            ),
            last_heartbeat_at=worker.heartbeat_at,
        )
