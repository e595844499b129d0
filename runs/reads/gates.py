"""The provider's limits as `GET /queue/status`, the gate's operations and the shell show them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db.models import QuerySet

from limiter.status import Bucket, Closed, gate_status
from providers.registry import limit_pool, pool_shown
from runs.closures import closed_gates
from runs.models import Run

#: The limiter's dimensions as the API calls them.
_SHOWN = {"requests": "requests", "input": "inputTokens", "output": "outputTokens"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """A model's gate now; a dimension without a limit is missing."""

    model: str
    buckets: dict[str, Bucket]
    #: Calls that have a permit, and the most that may have one (None: no limit).
    in_flight: int
    slots: int | None
    closed_until: datetime | None
    closed_reason: str | None
    #: Until a call may start, by the limits and the closing.
    time_until_next_ms: int


def gates_of(runs: "QuerySet[Run]") -> dict[str, str]:
    """The gates of the configured model and of those that these runs use, by model."""
    used = runs.order_by().values_list("model", "provider").distinct()
    return {
        **{model: limit_pool(model, provider) for model, provider in used},
        settings.MODEL: limit_pool(settings.MODEL),
    }


def runs_at(gate: str) -> "QuerySet[Run]":
    """The open runs whose calls go through this gate."""
    open_runs = Run.objects.filter(completed_at__isnull=True)
    models = [model for model, its_gate in gates_of(open_runs).items() if its_gate == gate]
    return open_runs.filter(model__in=models)


def limits_read(gates: Mapping[str, str]) -> list[Limits]:
    """These models' gates as they are now, and others that are closed by PostgreSQL.

    Without buckets where nobody has called yet.

    Args:
        gates: model -> name.

    Raises:
        redis.RedisError: Redis is away.
    """
    closed = closed_gates()
    shown = sorted(gates.items())
    shown += [(pool_shown(name), name) for name in sorted(closed) if name not in gates.values()]
    return [_limits(model, name, closed.get(name)) for model, name in shown]


def _limits(model: str, name: str, remembered: Closed | None) -> Limits:
    status = gate_status(name, slots=settings.LIMIT_CONCURRENCY, remembered=remembered)
    return Limits(
        model=model,
        buckets={_SHOWN[dimension]: bucket for dimension, bucket in status.buckets.items()},
        in_flight=status.in_flight,
        slots=status.slots,
        closed_until=status.closed.until if status.closed else None,
        closed_reason=status.closed.reason if status.closed else None,
        time_until_next_ms=status.time_until_next_ms,
    )
