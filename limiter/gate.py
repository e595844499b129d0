"""A gate in Redis: one provider account and pool of models, for all workers.

gate.lua decides; here is what goes into it and what comes out, as JSON.
"""

import json
from dataclasses import astuple
from pathlib import Path
from typing import Any

import redis

from limiter.keys import CLOSED_MOST_S, gate_keys
from limiter.values import Amounts, Ceilings, Grants, Report

_SOURCE = Path(__file__).with_suffix(".lua").read_text()
#: So many requests of a run are told of with their sizes; no more of them are granted at once.
_SIZED = 16


class Gate:
    """A gate in Redis."""

    def __init__(self, client: redis.Redis, name: str, ceilings: Ceilings) -> None:
        self.name = name
        self._ceilings = ceilings
        self.keys = gate_keys(name)
        self._script = client.register_script(_SOURCE)

    def ask(self, report: Report, *, now: float | None = None) -> Grants:
        """Say what there is to say and hear who may go: one round trip.

        Args:
            now: a virtual clock's time, for simulations; by default the server's.

        Raises:
            redis.RedisError: Redis is away; nothing is granted.
        """
        answer: Any = json.loads(
            self._script(keys=self.keys, args=[json.dumps(self._said(report, now))])
        )
        return Grants(
            granted=tuple((run, Amounts(*cost)) for run, cost in answer.get("granted", ())),
            now=float(answer["now"]),
            wait_s=answer["wait"],
            reason=answer["reason"],
            queues_s=answer.get("queues", {}),
            refusals=answer["closings"],
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
                    [
                        (w.input_tokens, w.output_cap, w.size_key, w.cache_key)
                        for w in wants[:_SIZED]
                    ],
                    wants[0].user,
                    wants[0].weight,
                )
                for run, wants in report.waiting.items()
            ],
            "settled": [
                (
                    done.reservation.amounts,
                    done.used,
                    done.reservation.request.input_tokens,
                    done.reservation.request.size_key,
                    done.reservation.request.cache_key,
                    done.reservation.at,
                    done.learn,
                )
                for done in report.settlements
            ],
            "limits": {**report.limits, "age": report.limits_age_s} if report.limits else None,
            "closed": report.closing and astuple(report.closing),
            "overloaded": report.overloaded_at,
        }
