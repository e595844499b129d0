"""The provider's limits as the gate in Redis keeps them: its keys, and its state for readers.

Only workers/limiter writes it. All of it may be lost.
"""

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import cast

from django.conf import settings
from django.db.models import F
from django.db.models.functions import Now

from batchgen import redis
from runs.models import Closure

_KEYS = (
    *("gate", "lines", "alive", "wants", "waited"),
    *("turns0", "turns1", "turns2", "places0", "places1", "places2"),
    *("warm", "warming"),
)
#: Before any closure.
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: Families whose versions share one limit; later ones have a limit each.
_POOLED = re.compile(r"^(claude-(?:opus|sonnet)-4)-\d")
#: The gate's dimensions as the API calls them.
DIMENSIONS = {"requests": "requests", "input": "inputTokens", "output": "outputTokens"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Bucket:
    """One dimension's bucket now."""

    limit_per_minute: int
    available: float
    #: The share of the burst that is used up, from 0 to 1.
    utilization: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """One gate now; a dimension without a limit is missing."""

    model: str
    buckets: dict[str, Bucket]
    #: Calls that have a permit, and the most that may have one (None: no limit).
    in_flight: int
    slots: int | None
    closed_until: datetime | None
    closed_reason: str | None


def gate_name(model: str) -> str:
    """The gate of the configured provider key and a model; pooled models share one."""
    key = hashlib.sha256(
        f"{settings.ANTHROPIC_API_KEY} {settings.ANTHROPIC_BASE_URL}".encode()
    ).hexdigest()[:12]
    pooled = _POOLED.match(model)
    return f"{key}:{pooled[1] if pooled else model}"


def gate_keys(name: str) -> list[str]:
    """The gate's keys, all in one slot of a Redis cluster."""
    return [redis.key(f"limit:{{{name}}}:{part}") for part in _KEYS]


def limits_read(model: str) -> Limits:
    """The model's gate as it is now; without buckets where nobody has called yet.

    Raises:
        redis.RedisError: Redis is away.
    """
    client = redis.client()
    seconds, micros = client.time()
    moment = seconds + micros / 1e6
    raw = cast("dict[bytes, bytes]", client.hgetall(gate_keys(gate_name(model))[0]))
    state = {name.decode(): value.decode() for name, value in raw.items()}
    closed_until = float(state.get("closed_until", 0))
    closed = closed_until > moment
    window = int(float(state.get("window", 0)))
    slots = min((n for n in (window, settings.LIMIT_CONCURRENCY) if n), default=None)
    return Limits(
        model=model,
        buckets={
            shown: _bucket(state, name, moment)
            for name, shown in DIMENSIONS.items()
            if f"limit_{name}" in state
        },
        in_flight=int(float(state.get("held", 0))),
        slots=slots,
        closed_until=datetime.fromtimestamp(closed_until, UTC) if closed else None,
        closed_reason=state.get("closed_reason") if closed else None,
    )


def closure_write(gate: str, *, seconds: float, reason: str) -> None:
    """Remember that the gate is closed for so long from now; never a shorter time than before.

    By the database's clock: the host's may be wrong by an hour, and would close it for that long.
    """
    until = Now() + timedelta(seconds=seconds)
    Closure.objects.bulk_create(
        [Closure(gate=gate, until=EPOCH, reason=reason)], ignore_conflicts=True
    )
    Closure.objects.filter(gate=gate, until__lt=until).update(until=until, reason=reason)


def closure_read(gate: str) -> tuple[float, str] | None:
    """For how many seconds the gate is closed still, and why; None when it is open."""
    closures = Closure.objects.filter(gate=gate, until__gt=Now())
    closure = closures.values_list(F("until") - Now(), "reason").first()
    return (closure[0].total_seconds(), closure[1]) if closure else None


def _bucket(state: dict[str, str], name: str, moment: float) -> Bucket:
    limit, full = float(state[f"limit_{name}"]), float(state[f"full_{name}"])
    rate = limit / 60 - float(state[f"drag_{name}"])
    elapsed = max(0.0, moment - float(state["at"]))
    level = min(full, float(state[f"level_{name}"]) + elapsed * rate)
    return Bucket(
        limit_per_minute=round(limit),
        available=round(level, 3),
        utilization=round(min(1.0, 1 - max(0.0, level) / full), 3),
    )
