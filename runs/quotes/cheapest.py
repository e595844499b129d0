"""A run of the lane `cheapest`: how much of it goes by batches, as the engine spills it, and how
long it takes."""

from dataclasses import replace

from django.conf import settings

from runs.quotes.durations import Binding, Duration, Play, fitting_part
from runs.spilling import Left, spill


def batch_part(play: Play, batch: Duration, *, deadline_s: float, lanes: int) -> float:
    """The part of the run that batches bring by its deadline.

    Args:
        batch: how long they take.
        lanes: that the run begins with; the engine goes by their number, whoever has them.
    """
    waits = {"wait_s": settings.BATCH_SPILL_WAIT_S, "margin_s": settings.BATCH_SPILL_MARGIN_S}
    begun = Left(
        left_s=deadline_s,
        waiting=play.count,
        out=0,
        realtime=0,
        lanes=lanes,
        delay_ms=round(play.pace.delay_s * 1000),
        call_s=None,
        per_minute=settings.LIMIT_REQUESTS_PER_MINUTE,
    )
    at_once = spill(begun, (), **waits).waiting
    rest = play.count - at_once
    if not rest:
        return 0.0
    # How long calls take is known once one has ended.
    known = at_once or play.batches.goes_ahead(play.count)
    out = replace(begun, waiting=0, out=rest, call_s=play.call_s if known else None)
    within_s = out.spare_s(reserved_s=sum(waits.values()))
    return rest / play.count * fitting_part(batch.p50 / 1000, batch.p90 / 1000, within_s)


def cheapest_duration(
    part: float, batch: Duration, realtime: Duration, *, deadline_s: float
) -> Duration:
    """As batches, and no longer than the deadline, or what realtime takes, allows."""
    if not part:
        return realtime
    most = max(round(deadline_s * 1000), realtime.p90)
    binding = Binding.BATCHES if batch.p90 <= most else realtime.binding
    return Duration(p50=min(batch.p50, most), p90=min(batch.p90, most), binding=binding)
