"""A gate's state for readers, and its closing by hand: what is not asked by those that wait.

All of it may be lost: then what PostgreSQL knows of closings counts, as for the workers.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from batchgen.redis import client as redis
from limiter.keys import CLOSED_MOST_S, gate_keys
from limiter.values import DIMENSIONS

_SET_CLOSING = Path(__file__).with_name("set_closing.lua").read_text()
#: A larger number in Redis is none of ours.
_NUMBER_MOST = 1e15


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
class Closed:
    """A gate is closed still."""

    until: datetime
    seconds: float
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class GateStatus:
    """One gate now. Without buckets where nobody has called yet."""

    #: By dimension; one without a limit is missing.
    buckets: dict[str, Bucket]
    #: Calls that have a permit, and the most that may have one (None: no limit).
    in_flight: int
    slots: int | None
    closed: Closed | None
    #: Until a call may start, by the limits and the closing.
    time_until_next_ms: int


def gate_status(name: str, *, slots: int, remembered: Closed | None) -> GateStatus:
    """The gate as it is now.

    Args:
        slots: calls at the same time by the settings; 0 is no limit.
        remembered: the closing that PostgreSQL remembers; it counts where Redis knows nothing.

    Raises:
        redis.RedisError: Redis is away.
    """
    client = redis.client()
    seconds, micros = client.time()
    moment = seconds + micros / 1e6
    state = cast("dict[bytes, bytes]", client.hgetall(gate_keys(name)[0]))
    closed = _closed(state, moment) if state else remembered
    closed_s = closed.seconds if closed else 0.0
    buckets = {
        dimension: _bucket(state, dimension, moment, closed_s=closed_s)
        for dimension in DIMENSIONS
        if _number(state, f"limit_{dimension}") > 0
    }
    window = int(_number(state, "window"))
    return GateStatus(
        buckets=buckets,
        in_flight=int(_number(state, "held")),
        slots=min((n for n in (window, slots) if n), default=None),
        closed=closed,
        time_until_next_ms=max(
            round(closed_s * 1000),
            *(bucket.time_until_next_ms for bucket in buckets.values()),
            0,
        ),
    )


def closing_set(name: str, *, seconds: float, reason: str) -> None:
    """Close a gate for so long from now, or open it (0); nothing where Redis does not know it.

    Raises:
        redis.RedisError: Redis is away.
    """
    script = redis.client().register_script(_SET_CLOSING)
    script(keys=gate_keys(name)[:1], args=[seconds, reason])


def _number(state: dict[bytes, bytes], name: str) -> float:
    """A number of the gate's; 0 where there is none, or one that makes no sense."""
    try:
        value = float(state.get(name.encode(), b"0"))
    except ValueError:
        return 0.0
    return value if abs(value) <= _NUMBER_MOST else 0.0


def _closed(state: dict[bytes, bytes], moment: float) -> Closed | None:
    left_s = _number(state, "closed_until") - moment
    if not 0 < left_s <= CLOSED_MOST_S:
        return None
    return Closed(
        until=datetime.fromtimestamp(moment + left_s, UTC),
        seconds=left_s,
        reason=state.get(b"closed_reason", b"").decode("utf-8", "replace"),
    )


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
