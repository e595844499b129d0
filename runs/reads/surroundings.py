"""What a run's health depends on beside the run: workers, closed gates, and what others do."""

from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import (
    Case,
    Count,
    F,
    JSONField,
    Max,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
    Value,
    When,
)
from django.db.models.functions import Coalesce, Extract, JSONObject, Now
from django.db.models.lookups import IsNull

from runs.models import Closure, GateAction, Lane, Worker
from runs.states import LaneState

_NOTHING = Value(None, JSONField())


def workers_alive() -> "QuerySet[Worker]":
    """Workers that hold a lease."""
    return Worker.objects.filter(lease_until__gt=Now(), stopped_at__isnull=True)


def workers_by_name() -> "QuerySet[Worker]":
    """Those that hold a lease; for `CompiledRows`."""
    return workers_alive().order_by("name", "started_at")


def surroundings() -> Case:
    """Of a run that is not over: {workers: {alive, slots, gone_at_s}, closed: [{gate, until_s,
    reason, closed_by}], others: {running, claimed_at_s}}, as of now; of others null. `others` are
    the lanes of all open runs, and null where the run itself has one at work.

    None of it is looked for once a run: a list finds it once, and only where a run is open.
    """
    works = Lane.objects.filter(run=OuterRef("pk"), state=LaneState.RUNNING).order_by()
    # EXISTS would be answered for all runs at once, from every lane there is.
    rests = IsNull(Subquery(works.values("pk")[:1]), True)
    found = JSONObject(
        workers=Subquery(_workers()),
        closed=ArraySubquery(_closed()),
        others=Case(When(rests, then=Subquery(_others())), default=_NOTHING),
    )
    return Case(When(completed_at__isnull=True, then=found), default=_NOTHING)


def figures_of_all(rows: "QuerySet[Any]", **figures: Any) -> "QuerySet[Any]":
    """The figures of all rows, as one JSON, also where there are none."""
    grouped: QuerySet[Any] = rows.order_by().annotate(all=Value(1)).values("all")
    found: QuerySet[Any] = grouped.annotate(json=JSONObject(**figures)).values("json")
    return found


def _workers() -> "QuerySet[Any]":
    alive = Q(lease_until__gt=Now(), stopped_at__isnull=True)
    return figures_of_all(
        Worker.objects.all(),
        alive=Count("pk", filter=alive),
        slots=Coalesce(Sum("concurrency", filter=alive), 0),
        gone_at_s=Extract(Max(Coalesce("stopped_at", "lease_until")), "epoch"),
    )


def _closed() -> "QuerySet[Any]":
    """Gates that are closed still. Who closed one by hand stands in its trail, unless the provider
    asked for another time since."""
    by_hand = GateAction.objects.filter(
        gate=OuterRef("gate"), kind=GateAction.Kind.CLOSE, until=OuterRef("until")
    )
    closures = Closure.objects.filter(until__gt=Now()).order_by()
    return closures.annotate(by=Subquery(by_hand.order_by("-id").values("actor")[:1])).values(
        json=JSONObject(
            gate="gate", until_s=Extract("until", "epoch"), reason="reason", closed_by=F("by")
        )
    )


def _others() -> "QuerySet[Any]":
    """What the lanes of all open runs do."""
    return figures_of_all(
        Lane.objects.filter(run__completed_at__isnull=True),
        running=Count("pk", filter=Q(state=LaneState.RUNNING)),
        claimed_at_s=Extract(Max("claimed_at"), "epoch"),
    )
