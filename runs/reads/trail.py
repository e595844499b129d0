"""What an operator looks into: who did what, to runs and to gates, and items that take long."""

from dataclasses import dataclass
from datetime import datetime
from heapq import merge
from itertools import islice
from operator import attrgetter
from uuid import UUID

from django.db.models import QuerySet

from runs.engine.queries import QUERIES
from runs.engine.trail import ENGINE
from runs.models import GateAction, Run, RunAction

#: Items that tell what is usual, and how long none is slow, in seconds.
_OBSERVED, _LEAST_S = 500, 60.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Done:
    """What somebody did. Of a run, `run` is it; of a gate, `model` names it."""

    at: datetime
    actor: str
    kind: str
    details: str
    run: Run | None = None
    model: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class SlowItem:
    """An item whose attempt goes on for long. `usual_s`: what 95 of 100 took of late; None: none
    ended."""

    item_id: UUID
    run_id: UUID
    code: str
    title: str
    stage: str
    attempt: int
    since: datetime
    worker: str | None
    usual_s: float | None


def trail_read(*, most: int, engine: bool = True) -> list[Done]:
    """The last that was done, the latest first.

    Args:
        engine: with what the engine did by itself.
    """
    runs = RunAction.objects.select_related("run__project").order_by("-id")
    gates = GateAction.objects.order_by("-id")
    if not engine:
        runs = runs.exclude(actor=ENGINE)
    both = merge(_of_runs(runs[:most]), _of_gates(gates[:most]), key=attrgetter("at"), reverse=True)
    return list(islice(both, most))


def _of_runs(actions: "QuerySet[RunAction]") -> list[Done]:
    return [
        Done(at=each.at, actor=each.actor, kind=each.kind, run=each.run, details=_told(each))
        for each in actions
    ]


def _told(action: RunAction) -> str:
    """Its details, as far as they are a line."""
    plain = {
        name: value for name, value in action.details.items() if not isinstance(value, dict | list)
    }
    return ", ".join(f"{name} {value}" for name, value in plain.items() if value is not None)


def _of_gates(actions: "QuerySet[GateAction]") -> list[Done]:
    return [
        Done(
            at=each.at,
            actor=each.actor,
            kind=f"{each.kind} gate",
            model=each.model,
            details=each.reason
            + (f" (until {each.until:%Y-%m-%d %H:%M} UTC)" if each.until else ""),
        )
        for each in actions
    ]


def items_slow(*, most: int) -> list[SlowItem]:
    """Items whose attempt goes on for more than twice what is usual, the oldest first."""
    params = {"observed": _OBSERVED, "least_s": _LEAST_S, "most": most}
    return [SlowItem(**row) for row in QUERIES.fetch("items_slow", params)]
