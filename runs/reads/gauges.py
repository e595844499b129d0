"""Gauges of this moment for /metrics of the web process, from PostgreSQL and the broker.

Each web process tells the same, so whoever sums over processes takes the maximum instead.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import Case, Count, F, FloatField, Max, Min, Q, QuerySet, When
from django.db.models.functions import Cast, Now
from prometheus_client.metrics_core import GaugeMetricFamily

from batchgen.db.clock import database_now
from providers.registry import pool_shown
from runs.closures import closed_gates
from runs.engine.dispatch import queue_depths
from runs.engine.ledger import runs_adrift
from runs.models import Budget, HealthPeriod, Lane, Run, Worker
from runs.reads.clocks import clocks_wrong
from runs.reads.surroundings import workers_alive
from runs.states import ACTIVE, HealthVerdict, LaneState, RunStatus

#: So long a worker that was lost is told of.
_LOST_FOR = timedelta(minutes=15)
#: How often a process adds the ledger up, in seconds.
_LEDGER_S = 60.0

#: {the labels' values: the gauge's}.
Samples = Mapping[tuple[str, ...], float]


@dataclass(frozen=True, slots=True)
class Gauge:
    """A gauge by its name, what it means, and its labels, which name kinds."""

    name: str
    meaning: str
    labels: tuple[str, ...] = ()

    def of(self, samples: Samples) -> GaugeMetricFamily:
        """As Prometheus has it."""
        family = GaugeMetricFamily(self.name, self.meaning, labels=self.labels)
        for labels, value in samples.items():
            family.add_metric(labels, value)
        return family

    def at(self, value: float) -> GaugeMetricFamily:
        """The same, of one without labels."""
        return self.of({(): value})


UP = Gauge("batchgen_up", "Whether a service answered.", ("service",))
_LANES = Gauge("batchgen_lanes", "Lanes of open runs.", ("state",))
_RUNS = Gauge("batchgen_runs", "Runs that are not over.", ("status",))
_WORKERS = Gauge("batchgen_workers", "Workers alive.")
_LOST = Gauge(
    "batchgen_workers_lost",
    "Workers whose lease ran out in the last 15 minutes, and that had not said that they stop.",
)
_DUE = Gauge(
    "batchgen_due_without_start_seconds",
    "For how long lanes of running runs have been due while no item began; 0 where none is due.",
)
_HEALTH = Gauge(
    "batchgen_runs_health",
    "Runs that are not over, by their health's verdict as a worker noticed it last.",
    ("verdict",),
)
_PAUSED = Gauge(
    "batchgen_runs_paused", "Runs that batchgen itself has paused, by the reason.", ("code",)
)
_CLOSED = Gauge(
    "batchgen_gate_closed_seconds", "For how long a closed gate stays closed.", ("model",)
)
_USED = Gauge(
    "batchgen_budget_used_ratio",
    "Of budgets that count now, the largest part that is spent; 1 is all of it.",
    ("scope",),
)
_ADRIFT = Gauge(
    "batchgen_ledger_drift_runs",
    "Runs of the last hour whose cost is not the sum of their ledger's lines.",
)
_CLOCK = Gauge(
    "batchgen_clock_error_seconds",
    "How far the worst clock of web and workers is from PostgreSQL's; 0 below five seconds.",
)
_DEPTH = Gauge("batchgen_queue_depth", "Messages that wait.", ("priority",))

Reader = Callable[[], Iterable[GaugeMetricFamily]]


class Kept:
    """What a reader read, for some seconds: it costs more than a look at every scrape should."""

    def __init__(self, read: Callable[[], float], for_s: float) -> None:
        self._read = read
        self._for_s = for_s
        self._until = float("-inf")
        self._value = 0.0

    def __call__(self) -> float:
        if time.monotonic() >= self._until:
            self._value = self._read()
            self._until = time.monotonic() + self._for_s
        return self._value


_runs_adrift = Kept(runs_adrift, _LEDGER_S)


def of_runs() -> Iterator[GaugeMetricFamily]:
    """Runs, their lanes and their health."""
    open_runs = Run.objects.filter(completed_at__isnull=True).order_by()
    lanes = Lane.objects.filter(run__completed_at__isnull=True).order_by()
    yield _LANES.of(_counted(lanes.values_list("state"), LaneState))
    yield _RUNS.of(_counted(open_runs.values_list("status"), ACTIVE))
    paused = open_runs.filter(status=RunStatus.PAUSED).exclude(error_code="")
    yield _PAUSED.of(_counted(paused.values_list("error_code")))
    told = HealthPeriod.objects.filter(until__isnull=True).order_by()
    verdicts = [each for each in HealthVerdict if each != HealthVerdict.ENDED]
    yield _HEALTH.of(_counted(told.values_list("verdict"), verdicts))
    yield _DUE.at(_due_without_start_s())


def of_workers() -> Iterator[GaugeMetricFamily]:
    """Who works, who is gone, and whose clock is wrong."""
    yield _WORKERS.at(workers_alive().count())
    lost = Worker.objects.filter(
        stopped_at__isnull=True, lease_until__lte=Now(), lease_until__gt=Now() - _LOST_FOR
    )
    yield _LOST.at(lost.count())
    yield _CLOCK.at(max((abs(wrong.ahead_s) for wrong in clocks_wrong()), default=0.0))


def of_money() -> Iterator[GaugeMetricFamily]:
    """Gates, budgets and the ledger."""
    closed = closed_gates().items()
    yield _CLOSED.of({(pool_shown(gate),): closing.seconds for gate, closing in closed})
    yield _USED.of(_budgets_used())
    yield _ADRIFT.at(_runs_adrift())


def of_queue() -> Iterator[GaugeMetricFamily]:
    """Messages of the broker.

    Raises:
        redis.RedisError: Redis is away.
    """
    yield _DEPTH.of({(name,): count for name, count in queue_depths().items()})


def _counted(kinds: "QuerySet[Any, Any]", every: Iterable[str] = ()) -> Samples:
    """How many rows there are of each kind; 0 of those that there might be."""
    found = dict(kinds.annotate(Count("pk")))
    return {(kind,): found.get(kind, 0) for kind in (*map(str, every), *found)}


def _due_without_start_s() -> float:
    lanes = Lane.objects.filter(
        run__completed_at__isnull=True, run__status__in=(RunStatus.QUEUED, RunStatus.RUNNING)
    )
    due_at = Case(
        When(state=LaneState.SENT, then="moved_at"),
        When(state=LaneState.PARKED, wake_at__lte=Now(), then="wake_at"),
    )
    found = lanes.aggregate(due=Min(due_at), began=Max("claimed_at"))
    if found["due"] is None:
        return 0.0
    since = max(found["due"], found["began"] or found["due"])
    return max(0.0, float((database_now() - since).total_seconds()))


def _budgets_used() -> Samples:
    """Of runs that are open, and of this month."""
    open_runs = Run.objects.filter(completed_at__isnull=True)
    budgets = Budget.objects.filter(
        Q(month=database_now().date().replace(day=1)) | Q(run_id__in=open_runs.values("pk")),
        limit_micro_usd__gt=0,
    )
    spent = Cast(F("spent_micro_usd") + F("possibly_micro_usd"), FloatField())
    used = budgets.order_by().values_list("scope").annotate(used=Max(spent / F("limit_micro_usd")))
    return {(scope,): share for scope, share in used}


#: {service: what is read of it}; apps above add theirs when Django has loaded them.
READERS: dict[str, list[Reader]] = {
    "database": [of_runs, of_workers, of_money],
    "redis": [of_queue],
}
