"""One provider key and model in Redis: the script that decides, and what goes in and out.

All amounts are triples in the order of DIMENSIONS; all times are seconds, those called `at` by
the server's clock.
"""

import json
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import redis

from limiter.keys import CLOSED_MOST_S, gate_keys
from providers.values import RateLimits

DIMENSIONS = ("requests", "input", "output")
#: The user of runs that no person started.
NOBODY = "-"
_SOURCE = Path(__file__).with_suffix(".lua").read_text()
#: So many calls of a run are told of with their sizes; no more of them are granted at once.
_HEADS = 16
#: What the provider's rounding may hide: a whole request, a thousand tokens.
_ROUNDED = (1, 1000, 1000)


class Amounts(NamedTuple):
    """Requests, uncached input tokens and output tokens."""

    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Ceilings:
    """What the settings allow, per minute; 0 is no limit of ours. `slots`: calls at a time."""

    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    slots: int = 0
    burst_s: float = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Want:
    """One call that waits for its permit.

    `kind` names the calls whose sizes resemble each other: the same prompt, mode and purpose.
    """

    run: str
    rank: int
    #: Whose run it is, and how many turns that user gets for each of one with the weight 1.
    user: str = NOBODY
    weight: int = 1
    kind: str
    #: Calls with the same one begin with the same text, which the provider keeps for a while.
    prefix: str
    #: By the prompt's length; corrected by what the provider counted for its kind.
    input_tokens: int
    #: The answer's cap, reserved until the first answer of its kind is known.
    output_cap: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Permit:
    """One call may be made now; its reservation stands until it is settled."""

    want: Want
    reserved: Amounts
    at: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Settled:
    """What a permit's call really took; `learn` where the provider counted it."""

    permit: Permit
    used: Amounts
    learn: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Refused:
    """A 429: the gate is closed for so long."""

    seconds: float
    reason: str
    at: float
    #: When Redis did not know the gate, where the closing is one that PostgreSQL remembers.
    recalled_at: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """All that one process has to say: who waits, what it holds, and what it heard."""

    process: str
    #: Waiting calls by run, each run's in the order in which they get permits.
    lines: dict[str, list[Want]]
    held: int
    lease_s: float
    settled: tuple[Settled, ...] = ()
    #: The provider's headers, and how long ago they came.
    limits: RateLimits | None = None
    limits_age_s: float = 0.0
    refused: Refused | None = None
    #: When the call was permitted that found the provider overloaded, or 0.
    overloaded_at: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What the gate says."""

    #: The run and the reservation of each call that may be made now, in order.
    granted: tuple[tuple[str, Amounts], ...]
    now: float
    #: When to ask again, and what those that still wait are waiting for.
    wait_s: float
    reason: str
    #: By run, how long its calls that still wait will take, about.
    queues_s: dict[str, float]
    #: Refusals in a row, for the whole gate.
    closings: int
    #: Nothing was known of this gate: Redis is new, or lost it.
    fresh: bool


class Gate:
    """A gate in Redis."""

    def __init__(self, client: redis.Redis, name: str, ceilings: Ceilings) -> None:
        self.name = name
        self._ceilings = ceilings
        self.keys = gate_keys(name)
        self._script = client.register_script(_SOURCE)

    def ask(self, report: Report, *, now: float | None = None) -> Verdict:
        """Say what there is to say and hear who may go: one round trip.

        Args:
            now: a virtual clock's time, for simulations; by default the server's.

        Raises:
            redis.RedisError: Redis is away; nothing is granted.
        """
        answer: Any = json.loads(
            self._script(keys=self.keys, args=[json.dumps(self._said(report, now))])
        )
        return Verdict(
            granted=tuple((run, Amounts(*cost)) for run, cost in answer.get("granted", ())),
            now=float(answer["now"]),
            wait_s=answer["wait"],
            reason=answer["reason"],
            queues_s=answer.get("queues", {}),
            closings=answer["closings"],
            fresh=answer["fresh"],
        )

    def _said(self, report: Report, now: float | None) -> dict[str, object]:
        ceilings = self._ceilings
        return {
            "now": now,
            "process": report.process,
            "lease": report.lease_s,
            "burst": ceilings.burst_s,
            "closed_most": CLOSED_MOST_S,
            "slots": ceilings.slots,
            "ceilings": {
                "requests": ceilings.requests,
                "input": ceilings.input_tokens,
                "output": ceilings.output_tokens,
            },
            "held": report.held,
            "lines": [
                (
                    run,
                    wants[0].rank,
                    len(wants),
                    [(w.input_tokens, w.output_cap, w.kind, w.prefix) for w in wants[:_HEADS]],
                    wants[0].user,
                    wants[0].weight,
                )
                for run, wants in report.lines.items()
            ],
            "settled": [
                (
                    done.permit.reserved,
                    done.used,
                    done.permit.want.input_tokens,
                    done.permit.want.kind,
                    done.permit.want.prefix,
                    done.permit.at,
                    done.learn,
                )
                for done in report.settled
            ],
            "limits": _told(report),
            "closed": report.refused and astuple(report.refused),
            "overloaded": report.overloaded_at,
        }


def _told(report: Report) -> dict[str, object] | None:
    """The headers as `{dimension: [limit a minute, remaining, rounded by], age}`."""
    limits = report.limits
    if limits is None:
        return None
    windows = (limits.requests, limits.input_tokens, limits.output_tokens)
    told: dict[str, object] = {
        name: (window.limit, window.remaining, rounded)
        for name, window, rounded in zip(DIMENSIONS, windows, _ROUNDED, strict=True)
        if window and window.limit is not None and window.remaining is not None
    }
    return {**told, "age": report.limits_age_s} if told else None
