"""What the database and the provider's own call log say after a schedule (I1 to I11, I13)."""

import math
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any
from uuid import UUID

from django.db.models import Count, Max, Min

from runs.engine.dispatch import messages_waiting
from runs.models import Lane, ProviderCall, Run, RunItem
from runs.states import ACTIVE, CallOutcome, ItemStatus, LaneState, RunStatus
from tests.acceptance.faults.bed import LEASE_S, NotInTime, wait_for
from tests.acceptance.faults.journal import Control, Journal, Step
from tests.acceptance.faults.scene import Scene
from tests.integration.engine.world import assert_counted, assert_open

#: No call starts later than this after a pause or a cancel was answered (I7).
LATE_S = 0.1
#: Crashes and retries that an epic may go through (3 each at most), three calls each.
_MOST_CALLS = 3 * (3 + 4)
_REST_S = 15.0
#: An attempt that began in a lane before the lanes were fewer goes on with its calls: three at
#: most, each of which may take the provider's time-out.
_ATTEMPT_S = 10.0
#: A thawed worker learns at its next heartbeat that its calls are not its own any more.
_ZOMBIE_S = 2.0
_OPEN = (ItemStatus.PENDING, ItemStatus.GENERATING)


@dataclass(frozen=True, kw_only=True, slots=True)
class SeenCall:
    """A call as the provider saw it; times are monotonic seconds."""

    marker: str
    begun: float
    ended: float
    status: object
    fault: str | None


@dataclass(kw_only=True)
class Observed:
    """Everything that is known after a schedule."""

    journal: Journal
    #: Of each run, where nobody changed them.
    lanes: int
    runs: list[Run]
    calls: dict[str, list[SeenCall]]
    epics: list[RunItem]
    lost: set[str]
    doubled: set[str]
    #: Calls that had been made before, by when they started.
    extra: list[SeenCall]
    seconds: float

    @property
    def violations(self) -> list[str]:
        """What did not hold; empty when all is well."""
        return self.journal.violations

    def recovery_s(self, step: Step) -> float | None:
        """Seconds from the end of the faults to the next call, where one could start."""
        if step.allowed_s is None:
            return None
        return recovery_s(step, self._all_calls(), lanes=self.lanes)

    def idle(self) -> list[tuple[float, float]]:
        """(from, to) in which each item of a run had had its first call, and the run after it was
        not begun: nobody has to call then, but for what died."""
        first: dict[UUID, list[float]] = defaultdict(list)
        for epic in self.epics:
            calls = self.calls.get(str(epic.id))
            first[epic.run_id].append(calls[0].begun if calls else math.inf)
        following = [*self.journal.runs_begun[1:], math.inf]
        return [
            (last, begun)
            for run, begun in zip(self.runs, following, strict=True)
            if (last := max(first[run.id])) < begun
        ]

    def _all_calls(self) -> list[SeenCall]:
        return sorted((c for calls in self.calls.values() for c in calls), key=lambda c: c.begun)


def observe(scene: Scene, *, complete: bool = True) -> Observed:
    """Check every invariant; what does not hold is in the journal's violations.

    Args:
        complete: the last run was to end by itself, with every epic of the project final.
    """
    journal = scene.journal
    runs = list(Run.objects.filter(id__in=[run.id for run in scene.runs]).order_by("created_at"))
    check_rest(journal)
    calls = calls_seen(scene.bed.provider.calls())
    epics = list(RunItem.objects.filter(run__in=runs).order_by("run__created_at", "order"))
    lost = lost_items(scene, runs, epics) if complete else set()
    doubled = doubled_items(scene, epics)
    check_counters(journal, runs)
    check_open(journal)
    _check_spans(journal, runs)
    extra = _extra(calls)
    _check_calls(journal, calls, extra)
    check_concurrency(scene, runs, calls, {str(epic.id): epic.run_id for epic in epics})
    check_controls(journal, calls, {str(epic.id): epic.run_id for epic in epics})
    observed = Observed(
        journal=journal,
        lanes=scene.lanes,
        runs=runs,
        calls=calls,
        epics=epics,
        lost=lost,
        doubled=doubled,
        extra=extra,
        seconds=time.monotonic() - journal.begun,
    )
    _check_recovery(observed)
    return observed


def calls_seen(calls: Iterable[dict[str, Any]]) -> dict[str, list[SeenCall]]:
    """The calls of each epic of a run, in order."""
    seen = defaultdict(list)
    for call in calls:
        ended = call["end_monotonic"]
        seen[call["marker"]].append(
            SeenCall(
                marker=call["marker"],
                begun=call["start_monotonic"],
                ended=time.monotonic() if ended is None else ended,
                status=call["status"],
                fault=call["fault"],
            )
        )
    return seen


def lost_items(scene: Scene, runs: list[Run], epics: list[RunItem]) -> set[str]:
    """I1: epics that are not final in an ended run, and epics of the project in no last run."""
    journal = scene.journal
    status_of = {run.id: run.status for run in runs}
    for run in runs:
        if run.status in ACTIVE or run.completed_at is None:
            journal.violate("I1", f"run {run.id} is {run.status}, ended at {run.completed_at}")
    last = {epic.target_id: epic for epic in epics}  # in the order of their runs
    lost = {str(epic.id) for epic in last.values() if epic.status in _OPEN}
    lost |= {
        str(epic.id)
        for epic in epics
        if epic.status in _OPEN and status_of[epic.run_id] != RunStatus.CANCELLED
    }
    known = [epic_id for epic_id in last if epic_id]
    missing = scene.book.targets(scene.project).exclude(pk__in=known).count()
    if lost or missing:
        journal.violate("I1", f"{len(lost)} epics are not final, {missing} are in no run")
    return lost


def doubled_items(scene: Scene, epics: list[RunItem]) -> set[str]:
    """I2: items whose rows are not exactly those of the run that completed them last."""
    completed = {e.target_id: e for e in epics if e.status == ItemStatus.COMPLETED}
    counts: dict[UUID, Counter[UUID | None]] = defaultdict(Counter)
    orders: dict[UUID, set[int]] = defaultdict(set)
    for epic_id, run_id, order in scene.book.made([e.target_id for e in epics if e.target_id]):
        counts[epic_id][run_id] += 1
        orders[epic_id].add(order)
    wrong = {
        str(epic.id)
        for epic_id, epic in completed.items()
        if epic_id is not None
        and (
            counts[epic_id] != {epic.run_id: epic.created}
            or orders[epic_id] != set(range(1, epic.created + 1))
        )
    }
    unasked = counts.keys() - completed.keys()
    if wrong or unasked:
        scene.journal.violate(
            "I2", f"{len(wrong)} items with wrong rows, {len(unasked)} without end"
        )
    return wrong


def check_counters(journal: Journal, runs: list[Run]) -> None:
    """I3."""
    for run in runs:
        try:
            # Whose stories stand is I2's question: a later run may have replaced a run's.
            assert_counted(run, kept=False)
        except AssertionError as error:
            journal.violate("I3", f"run {run.id}: {error}")


def check_open(journal: Journal) -> None:
    """I13: what is open now."""
    try:
        assert_open()
    except AssertionError as error:
        journal.violate("I13", str(error))


def _check_spans(journal: Journal, runs: list[Run]) -> None:
    """I13: no two runs had calls for the same epic at the same time."""
    # By the database's clock, which both times are of.
    spans = (
        RunItem.objects.filter(run__in=runs, target_id__isnull=False, calls__isnull=False)
        .annotate(begun=Min("calls__started_at"), ended=Max("calls__ended_at"))
        .order_by("target_id", "begun")
    )
    for before, after in pairwise(spans):
        if before.target_id == after.target_id and after.begun < before.ended:
            runs_told = f"{before.run_id} and {after.run_id}"
            journal.violate("I13", f"{before.code} in {runs_told} at the same time")


def _extra(calls: dict[str, list[SeenCall]]) -> list[SeenCall]:
    """Calls beyond the first of an epic that no failure of the provider's own explains."""
    extra = []
    for mine in calls.values():
        excused = 1
        for call in mine:
            if excused:
                excused -= 1
            else:
                extra.append(call)
            excused += call.fault is not None
    return extra


def _check_calls(journal: Journal, calls: dict[str, list[SeenCall]], extra: list[SeenCall]) -> None:
    """I4."""
    allowed = journal.in_flight_at_losses()
    if len(extra) > allowed:
        journal.violate("I4", f"{len(extra)} extra calls, {allowed} were in flight at the kills")
    intents = Counter(
        str(marker)
        for marker in ProviderCall.objects.exclude(outcome=CallOutcome.NOT_MADE).values_list(
            "item_id", flat=True
        )
    )
    for marker, mine in calls.items():
        if len(mine) > intents[marker]:
            journal.violate("I4", f"{marker}: {len(mine)} calls, {intents[marker]} recorded")
        counted = [call for call in mine if call.status != 429]
        if len(counted) > _MOST_CALLS:
            journal.violate("I4", f"{marker}: {len(counted)} calls, the cap is {_MOST_CALLS}")


def check_concurrency(
    scene: Scene,
    runs: list[Run],
    calls: dict[str, list[SeenCall]],
    run_of: dict[str, UUID],
) -> None:
    """I5: calls at the same time; while a worker that lost its lease is frozen, its calls too.

    Where a run got fewer lanes, calls that had begun are finished, and so are their attempts.
    """
    by_run: dict[UUID, list[SeenCall]] = defaultdict(list)
    for marker, mine in calls.items():
        by_run[run_of[marker]] += mine
    journal = scene.journal
    changed = {limit.run_id for limit in journal.limits}
    for run in runs:
        begun_with = scene.lanes if run.id in changed else run.max_concurrency
        edges = sorted(
            [(call.ended, -1) for call in by_run[run.id]]
            + [(call.begun, 1) for call in by_run[run.id]]
        )
        now = 0
        for at, change in edges:
            now += change
            zombies = sum(
                freeze.held
                for freeze in journal.freezes
                if freeze.at + LEASE_S / 2 <= at <= freeze.thawed + journal.patience * _ZOMBIE_S
            )
            lanes = journal.most_lanes(run.id, since=at - _ATTEMPT_S, at=at, begun_with=begun_with)
            if change > 0 and now > lanes + zombies:
                journal.violate("I5", f"{now} calls at once at {at - journal.begun:.2f} s")


def check_controls(
    journal: Journal,
    calls: dict[str, list[SeenCall]],
    run_of: dict[str, UUID],
    *,
    late_s: float = LATE_S,
) -> None:
    """I7: what started late. Calls that a frozen worker was about to make are its thaw's."""
    late_s *= journal.patience
    for control in journal.controls:
        if _frozen(journal, control):
            continue
        begun = [
            call.begun
            for marker, mine in calls.items()
            if run_of[marker] == control.run_id
            for call in mine
        ]
        after = [at for at in begun if control.answered < at < control.until]
        late = [at - control.answered for at in after if at > control.answered + late_s]
        if late:
            journal.violate("I7", f"calls {max(late):.3f} s after a {control.action}")
        if len(after) > control.in_flight:
            journal.violate("I7", f"{len(after)} calls begun, {control.in_flight} in flight")


def _frozen(journal: Journal, control: Control) -> bool:
    return any(f.at < control.until and control.asked < f.thawed for f in journal.freezes)


def recovery_s(step: Step, calls: list[SeenCall], *, lanes: int) -> float | None:
    """Seconds until a call started, from the first moment at which a lane was free for one."""
    open_ = sorted(c.ended for c in calls if c.begun <= step.lifted < c.ended)
    free = step.lifted if len(open_) < lanes else open_[0]
    starts = [call.begun for call in calls if call.begun > free]
    return min(starts) - free if starts else None


def _check_recovery(observed: Observed) -> None:
    """I8."""
    journal = observed.journal
    starts = [call.begun for call in observed._all_calls()]
    idle = observed.idle()
    for step in journal.steps:
        kinds = " & ".join(step.kinds)
        if step.allowed_s is not None:
            took_s = observed.recovery_s(step)
            if took_s is None or took_s > step.allowed_s:
                told = "never" if took_s is None else f"{took_s:.1f} s"
                journal.violate("I8", f"{kinds}: {told}, allowed {step.allowed_s:g} s")
        if step.no_pause_s is not None and step.allowed_s is not None:
            longest = journal.longest_silence_s(step, starts, idle)
            if longest > step.no_pause_s:
                journal.violate("I8", f"{kinds}: no call for {longest:.1f} s")


def check_rest(journal: Journal) -> None:
    """I9."""
    try:
        wait_for(lambda: not _unrest(), "rest", timeout_s=journal.patience * _REST_S)
    except NotInTime:
        journal.violate("I9", "; ".join(_unrest()))


def _unrest() -> list[str]:
    states = Lane.objects.exclude(state=LaneState.IDLE).aggregate(number=Count("id"))["number"]
    found = {
        "messages wait": len(messages_waiting()),
        "lanes are not idle": states,
        "epics are generated": RunItem.objects.filter(status=ItemStatus.GENERATING).count(),
        "calls have no end": ProviderCall.objects.filter(outcome=CallOutcome.STARTED).count(),
    }
    return [f"{number} {what}" for what, number in found.items() if number]
