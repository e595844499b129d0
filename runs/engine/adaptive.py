"""Lanes of runs whose pace is `adaptive` and whose starter named no number: as many as the calls
that may begin make use of (`runs.pacing.lanes_wanted`).

A person's number ends it for good: whatever is done here names the number that it found, in a
statement that changes nothing where there is another one by then.
"""

from datetime import timedelta

from django.conf import settings
from django.db.models import Avg, F
from django.db.models.functions import Now
from psycopg.errors import LockNotAvailable
from psycopg.types.json import Jsonb

from batchgen.db.sql import Row
from content.kind import counted
from runs.engine.queries import QUERIES
from runs.engine.trail import CALL_S, CALLS_PER_S, ENGINE, LANES
from runs.models import PacingProfile, ProviderCall, RunItem
from runs.pacing import Traffic, lanes_wanted
from runs.states import CallOutcome, Pacing

#: For how long after a change a run is not given fewer, in seconds: calls that have just begun are
#: no sign that fewer will do.
_STEADY_S = 5.0
#: A number is told anew when it is so many times the one told last, or a part of it; and whatever
#: it is once it has not changed for _STEADY_S.
_TOLD_ANEW = 1.5
#: Items that tell how long a call takes.
_OBSERVED_ITEMS, _LATELY = 50, timedelta(minutes=10)


def lanes_adapt_all() -> int:
    """Adapt the lanes of every run that leaves them to the engine; how many runs were changed."""
    rows = QUERIES.fetch("lanes_traffic", {"most_of_user": settings.USER_LANES})
    if not rows:
        return 0
    least = PacingProfile.objects.get(name=Pacing.ADAPTIVE).lanes
    return sum(_adapt(row, least=least) for row in rows)


def _adapt(row: Row, *, least: int) -> bool:
    traffic = Traffic(**{name: row[name] for name in Traffic.__slots__})
    steady = row["adapted_s"] is None or row["adapted_s"] >= _STEADY_S
    lanes = lanes_wanted(traffic, least=least)
    if lanes < traffic.lanes and not steady:
        lanes = traffic.lanes
    if lanes != traffic.lanes and not _set(row, lanes):
        return False
    far = not 1 / _TOLD_ANEW < lanes / row["told"] < _TOLD_ANEW
    if far or (steady and lanes != row["told"]):
        _tell(row, lanes)
    return lanes != traffic.lanes


def _set(row: Row, lanes: int) -> bool:
    params = {"run_id": row["run_id"], "before": row["lanes"], "lanes": lanes}
    try:
        return bool(QUERIES.fetch("lanes_adapt", params))
    except LockNotAvailable:
        return False


def _tell(row: Row, lanes: int) -> None:
    running, begun, call_s = row["running"], row["begun"], _call_s(row)
    takes = "" if call_s is None else f", and one takes about {call_s:.2g} s"
    message = (
        f"{counted(lanes, ('lane', 'lanes'))} now: {counted(running, ('call is', 'calls are'))} "
        f"under way, {begun} began in the last second{takes}."
    )
    details = {LANES: lanes, "lanesBefore": row["told"], "epicsDone": row["done"]}
    details |= {CALLS_PER_S: begun, CALL_S: call_s}
    params = {
        "run_id": row["run_id"],
        "actor": ENGINE,
        "lanes": lanes,
        "details": Jsonb(details),
        "message": message,
    }
    QUERIES.fetch("lanes_told", params)


def _call_s(row: Row) -> float | None:
    """What a call took of late, in seconds; None where none was answered."""
    ended = RunItem.objects.filter(run=row["run_id"], completed_at__gt=Now() - _LATELY)
    latest = ended.order_by("-completed_at").values("pk")[:_OBSERVED_ITEMS]
    calls = ProviderCall.objects.filter(item__in=latest, outcome=CallOutcome.ANSWERED)
    took = calls.aggregate(each=Avg(F("ended_at") - F("started_at")))["each"]
    return None if took is None else float(f"{took.total_seconds():.3g}")
