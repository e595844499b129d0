"""A gate in Redis: one provider account and pool of models, for all workers.

The script in lua/ decides; here is what goes into it and what comes out, as JSON with the names of
limiter/values.py.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import redis
from redis.asyncio import Redis

from limiter.keys import CLOSED_MOST_S, gate_keys
from limiter.values import DIMENSIONS, Amounts, Ceilings, Grants, Report, Settlement, Waiting

#: The parts of the script, in their order.
_PARTS = ("keys", "state", "buckets", "closing", "cache", "queues", "processes", "turns", "main")
_LUA = Path(__file__).with_name("lua")
SCRIPT = "\n".join((_LUA / f"{part}.lua").read_text() for part in _PARTS)


class Gate:
    """A gate in Redis, for an event loop."""

    def __init__(self, client: Redis, name: str, ceilings: Ceilings) -> None:
        """`client`: the loop's."""
        self.name = name
        self._ceilings = ceilings
        self._keys = gate_keys(name)
        self._script = client.register_script(SCRIPT)

    async def ask(self, report: Report) -> Grants:
        """Say what there is to say and hear who may go: one round trip.

        Raises:
            redis.RedisError: Redis is away; nothing is granted.
        """
        said = report_text(report, self._ceilings)
        return grants_read(await self._script(keys=self._keys, args=[said]))


def report_text(report: Report, ceilings: Ceilings, *, now: float | None = None) -> str:
    """What the script is told.

    Args:
        now: a virtual clock's time, for simulations; by default the server's.
    """
    return json.dumps(_report_json(report, ceilings, now))


def grants_read(text: bytes) -> Grants:
    """What the script answered."""
    answer: dict[str, Any] = json.loads(text)
    return Grants(
        granted=tuple(
            (grant["run"], Amounts(*map(grant["amounts"].get, DIMENSIONS)))
            for grant in answer.get("granted", ())
        ),
        now=float(answer["now"]),
        wait_s=answer["wait_s"],
        reason=answer["reason"],
        queues_s=answer["queues_s"],
        refusals=answer["refusals"],
        fresh=answer["fresh"],
    )


def processes_forget(client: redis.Redis, name: str, processes: Iterable[str]) -> None:
    """Have a gate take back at its next word what these processes held and waited for: they died.

    Raises:
        redis.RedisError: Redis is away; what they said holds until their lease is over.
    """
    leases = gate_keys(name)[-1]
    client.zadd(leases, dict.fromkeys(processes, 0), xx=True)


def _report_json(report: Report, ceilings: Ceilings, now: float | None) -> dict[str, object]:
    """What is None is left out."""
    said: dict[str, object] = {
        "process": report.process,
        "lease_s": report.lease_s,
        "burst_s": ceilings.burst_s,
        "closed_most_s": CLOSED_MOST_S,
        "slots": ceilings.slots,
        "ceilings": _amounts_json(
            Amounts(ceilings.requests, ceilings.input_tokens, ceilings.output_tokens)
        ),
        "held": report.held,
        "waiting": [_waiting_json(each) for each in report.waiting],
        "settled": [_settlement_json(settlement) for settlement in report.settlements],
        "overloaded_at": report.overloaded_at,
    }
    if now is not None:
        said["now"] = now
    if report.limits:
        said["limits"] = {name: window._asdict() for name, window in report.limits.items()}
        said["limits_age_s"] = report.limits_age_s
    if report.closing:
        said["closing"] = asdict(report.closing)
    return said


def _amounts_json(amounts: Amounts) -> dict[str, int]:
    return dict(zip(DIMENSIONS, amounts, strict=True))


def _waiting_json(waiting: Waiting) -> dict[str, object]:
    first = waiting.first[0]
    return {
        "run": first.run,
        "rank": first.rank,
        "user": first.user,
        "weight": first.weight,
        "count": waiting.count,
        "sizes": [
            {
                "input_tokens": request.input_tokens,
                "output_cap": request.output_cap,
                "size_key": request.size_key,
                "cache_key": request.cache_key,
            }
            for request in waiting.first
        ],
    }


def _settlement_json(settlement: Settlement) -> dict[str, object]:
    reservation = settlement.reservation
    return {
        "reserved": _amounts_json(reservation.amounts),
        "used": _amounts_json(settlement.used),
        "input_tokens": reservation.request.input_tokens,
        "size_key": reservation.request.size_key,
        "cache_key": reservation.request.cache_key,
        "at": reservation.at,
        "learn": settlement.learn,
    }
