"""Quotes beside the bills of the runs that began with them: how right they were."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import sqrt
from statistics import fmean, median

from django.db.models import QuerySet

from content.registry import Kind, kind_started_by
from runs.models import Run
from runs.reads.progress import RunProgress
from runs.reads.selectors import runs_with_figures
from runs.states import MoneyLane, RunStatus

#: Fewer bills say nothing of how far the next one may be off.
_FEWEST = 5
#: The last ones count.
_MOST = 40
#: Of the report.
_REPORTED = 2_000
#: An expectation that is off by less is right.
RIGHT = 0.15


@dataclass(frozen=True, kw_only=True, slots=True)
class Compared:
    """A quote and what became of it; money in dollars, times in milliseconds."""

    kind: str
    mode: str
    model: str
    lane: str
    calibrated: bool
    low: Decimal
    expected: Decimal
    high: Decimal
    bill: Decimal
    p50_ms: int
    p90_ms: int
    duration_ms: int

    @property
    def off(self) -> float:
        """By which part of the expectation the bill was higher; negative where it was lower."""
        return float(self.bill / self.expected) - 1

    @property
    def within(self) -> bool:
        return self.low <= self.bill <= self.high

    @property
    def in_time(self) -> bool:
        return self.duration_ms <= self.p90_ms


@dataclass(frozen=True, kw_only=True, slots=True)
class Calibration:
    """How right the quotes of one kind, mode, model and lane were."""

    kind: str
    mode: str
    model: str
    lane: str
    runs: int
    #: Half of the bills were off by less, and half by more.
    off_median: float
    off_worst: float
    #: Of the runs: expectation right, bill within the range, no longer than p90.
    right: int
    within: int
    in_time: int


def compared(runs: Iterable[Run]) -> Iterator[Compared]:
    """Of runs with figures that ended: those that have a quote with a cost."""
    for run in runs:
        progress = RunProgress.of(run)
        quote = progress.quote
        if quote is None or quote.cost is None or not quote.cost.expected:
            continue
        yield Compared(
            kind=kind_started_by(run.type).name,
            mode=progress.mode or "",
            model=run.model,
            lane=quote.lane,
            calibrated=quote.calibrated,
            low=quote.cost.low,
            expected=quote.cost.expected,
            high=quote.cost.high,
            bill=progress.cost_usd,
            p50_ms=quote.p50_ms,
            p90_ms=quote.p90_ms,
            duration_ms=progress.elapsed_ms,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Experience:
    """What earlier quotes of a kind and model were off as a rule; 0 where too few are known.

    Attributes:
        off_by: of bills, as a part of what was expected.
        late_by: nine in ten runs took at most so many times what half were to take.
    """

    off_by: float = 0.0
    late_by: float = 0.0


def experience(*, kind: Kind, model: str) -> Experience:
    """Of the last calibrated quotes whose runs went through."""
    runs = _ended().filter(type__in=kind.run_types, model=model, lane=MoneyLane.REALTIME)[:_MOST]
    found = [each for each in compared(runs) if each.calibrated]
    if len(found) < _FEWEST:
        return Experience()
    late = sorted(each.duration_ms / each.p50_ms for each in found if each.p50_ms)
    return Experience(
        off_by=sqrt(fmean(each.off**2 for each in found)),
        late_by=late[min(len(late) - 1, int(0.9 * len(late)))] if late else 0.0,
    )


def calibrations() -> list[Calibration]:
    """Of all quotes whose runs went through, the last ones of each kind."""
    groups: dict[tuple[str, str, str, str], list[Compared]] = defaultdict(list)
    for each in compared(_ended()[:_REPORTED]):
        groups[each.kind, each.mode, each.model, each.lane].append(each)
    return [_calibration(found) for _, found in sorted(groups.items())]


def _ended() -> "QuerySet[Run]":
    """Runs that had a quote and went through: what failed or was cancelled costs less."""
    ended = Run.objects.filter(quote__isnull=False, status=RunStatus.SUCCEEDED)
    return runs_with_figures(ended).select_related("project").order_by("-created_at", "-id")


def _calibration(found: Sequence[Compared]) -> Calibration:
    first = found[0]
    return Calibration(
        kind=first.kind,
        mode=first.mode,
        model=first.model,
        lane=first.lane,
        runs=len(found),
        off_median=median(abs(each.off) for each in found),
        off_worst=max((each.off for each in found), key=abs),
        right=sum(abs(each.off) <= RIGHT for each in found),
        within=sum(each.within for each in found),
        in_time=sum(each.in_time for each in found),
    )
