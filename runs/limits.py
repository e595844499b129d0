"""The provider's limits as the gate in Redis keeps them: its keys, and its state for readers.

Only workers/limiter writes it, and `runs.gates` its closing. All of it may be lost: then what
PostgreSQL knows of closings counts, as for the workers.
"""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import cast

from django.conf import settings
from django.db.models import F, QuerySet
from django.db.models.functions import Now

from batchgen.redis import client as redis
from runs.models import Closure

_KEYS = (
    *("gate", "lines", "alive", "wants", "waited", "unaged", "warm", "warming"),
    # Those of the queues of users and of their runs begin with it.
    "queue",
)
#: Nobody closes a gate for longer; what is stored beyond that is no closing.
CLOSED_MOST_S = 31 * 86_400.0
#: A larger number in Redis is none of ours.
_NUMBER_MOST = 1e15
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
    #: Until a request, or a token, is there.
    time_until_next_ms: int


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
    #: Until a call may start, by the limits and the closing.
    time_until_next_ms: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Closing:
    """A gate that is closed still."""

    until: datetime
    seconds: float
    reason: str


def gate_name(model: str) -> str:
    """The gate of the configured provider key and a model; pooled models share one."""
    pooled = _POOLED.match(model)
    return f"{_key_digest()}:{pooled[1] if pooled else model}"


def model_of(gate: str) -> str:
    """The model that a gate is for, or what those have in common that share it."""
    return gate.partition(":")[2]


def _key_digest() -> str:
    key = f"{settings.ANTHROPIC_API_KEY} {settings.ANTHROPIC_BASE_URL}"
    return hashlib.sha256(key.encode()).hexdigest()[:12]


def gate_keys(name: str) -> list[str]:
    """The gate's keys, all in one slot of a Redis cluster."""
    return [redis.key(f"limit:{{{name}}}:{part}") for part in _KEYS]


def limits_read(models: Iterable[str]) -> list[Limits]:
    """The models' gates as they are now, and those of others that are closed by PostgreSQL.

    Without buckets where nobody has called yet.

    Raises:
        redis.RedisError: Redis is away.
    """
    closings = closings_read()
    gates = [(gate_name(model), model) for model in models]
    shown = dict(gates)
    gates += [(name, model_of(name)) for name in sorted(closings) if name not in shown]
    return [_limits(model, name, closings.get(name)) for name, model in gates]


def _limits(model: str, name: str, remembered: Closing | None) -> Limits:
    client = redis.client()
    seconds, micros = client.time()
    moment = seconds + micros / 1e6
    state = cast("dict[bytes, bytes]", client.hgetall(gate_keys(name)[0]))
    closing = _closing(state, moment) if state else remembered
    buckets = {
        shown: _bucket(state, name, moment, closed_s=closing.seconds if closing else 0.0)
        for name, shown in DIMENSIONS.items()
        if _number(state, f"limit_{name}") > 0
    }
    window = int(_number(state, "window"))
    return Limits(
        model=model,
        buckets=buckets,
        in_flight=int(_number(state, "held")),
        slots=min((n for n in (window, settings.LIMIT_CONCURRENCY) if n), default=None),
        closed_until=closing.until if closing else None,
        closed_reason=closing.reason if closing else None,
        time_until_next_ms=max(
            round(closing.seconds * 1000) if closing else 0,
            *(bucket.time_until_next_ms for bucket in buckets.values()),
            0,
        ),
    )


def _number(state: dict[bytes, bytes], name: str) -> float:
    """A number of the gate's; 0 where there is none, or one that makes no sense."""
    try:
        value = float(state.get(name.encode(), b"0"))
    except ValueError:
        return 0.0
    return value if abs(value) <= _NUMBER_MOST else 0.0


def _closing(state: dict[bytes, bytes], moment: float) -> Closing | None:
    left_s = _number(state, "closed_until") - moment
    if not 0 < left_s <= CLOSED_MOST_S:
        return None
    return Closing(
        until=datetime.fromtimestamp(moment + left_s, UTC),
        seconds=left_s,
        reason=state.get(b"closed_reason", b"").decode("utf-8", "replace"),
    )


def closures_of_key() -> "QuerySet[Closure]":
    """What PostgreSQL remembers of the configured provider key's gates."""
    return Closure.objects.filter(gate__startswith=f"{_key_digest()}:")


def closings_read() -> dict[str, Closing]:
    """The closed gates of the configured provider key that PostgreSQL remembers, by name."""
    closures = closures_of_key().filter(until__gt=Now())
    return {
        gate: Closing(until=until, seconds=left.total_seconds(), reason=reason)
        for gate, until, left, reason in closures.values_list(
            "gate", "until", F("until") - Now(), "reason"
        )
    }


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


def _bucket(state: dict[bytes, bytes], name: str, moment: float, *, closed_s: float) -> Bucket:
    limit, full = _number(state, f"limit_{name}"), max(1.0, _number(state, f"full_{name}"))
    # The gate takes at most nine tenths of the rate off for others.
    rate = max(limit / 60 - _number(state, f"drag_{name}"), limit / 600)
    elapsed = max(0.0, moment - (_number(state, "at") or moment))
    level = min(full, _number(state, f"level_{name}") + elapsed * rate)
    missing_s = max(0.0, 1.0 - level) / rate
    return Bucket(
        limit_per_minute=round(limit),
        available=round(level, 3),
        utilization=round(min(1.0, 1 - max(0.0, level) / full), 3),
        # It refills from the opening on.
        time_until_next_ms=round((closed_s + missing_s) * 1000),
    )
