"""Whether a run goes on; if not, why, and what to do about it. Pure.

As a phase, it is kept nowhere: it is told from the rows, by PostgreSQL's clock. `since` is the
moment of a row, too, so it stays as long as the verdict and the reason do.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from content.kind import counted
from runs.engine.trail import CALL_S, CALLS_PER_S, ENGINE, LANES
from runs.reads.situation import Situation, moment
from runs.states import HealthVerdict, RunStatus, WaitReason

#: So long after an item began the run flows, though none is under way: between two short calls.
_FRESH = timedelta(seconds=10)
#: Runnable items of which none begins for so long, while nothing is known that ends by itself, are
#: stuck.
STUCK = timedelta(seconds=60)

#: {why lanes are parked: what a person reads}.
WAITS: dict[str, str] = {
    WaitReason.PACING: "The pacing profile waits between two items",
    WaitReason.PERMIT_REQUESTS: "The limit of requests a minute is used up",
    WaitReason.PERMIT_INPUT: "The limit of input tokens a minute is used up",
    WaitReason.PERMIT_OUTPUT: "The limit of output tokens a minute is used up",
    WaitReason.PERMIT_CONCURRENCY: "As many calls are under way as may be at the same time",
    WaitReason.GATE_CLOSED: "The gate was closed a moment ago",
    WaitReason.TURN: "Other runs' items come first",
    WaitReason.CACHE: "The first call with this project's text is under way",
    WaitReason.LIMITER_AWAY: "The workers cannot reach Redis",
    WaitReason.RATE_LIMIT: "The provider refused calls for its rate limit",
    WaitReason.BACKOFF: "Calls failed and are tried again",
    WaitReason.STOPPED: "The worker of its items was stopped",
    WaitReason.BUDGET: "Calls under way hold the rest of the budget",
}
#: {what paused the run: what lets it go on}; of others the reason says it.
_AFTER: dict[str, str] = {
    "FAILURES_IN_A_ROW": "Mend what the failed items say, then resume the run.",
    "BUDGET_REACHED": "Raise the budget, then resume the run.",
    "PRICE_UNKNOWN": "Take the budget away, or add the model's price, then resume the run.",
}
_OTHERWISE = "Mend what the reason says, then resume the run."
_DOCTOR = "Run `manage.py doctor` where the workers run, and mend what it finds."


@dataclass(frozen=True, kw_only=True, slots=True)
class Health:
    """Whether a run goes on.

    Attributes:
        next_action: what somebody can do; None where nothing has to be done. One thing, always,
            where the run is stuck.
        since: since when the verdict and the reason are these.
    """

    verdict: HealthVerdict
    reason: str
    next_action: str | None
    since: datetime

    @property
    def text(self) -> str:
        """In one line, with what to do about it."""
        action = f" {self.next_action}" if self.next_action else ""
        return f"{self.verdict.label}: {self.reason}{action}"


def health_of(run: Situation) -> Health:
    """By what comes first of: the end, workers, a person's pause, the provider, and its lanes."""
    for look in _LOOKS:
        if found := look(run):
            return found
    return _unclaimed(run)


def _ended(run: Situation) -> Health | None:
    if run.completed_at is None:
        return None
    failed = run.status == RunStatus.FAILED and run.error
    action = f"Retry the failed {run.item_words[1]}." if run.can_retry else None
    reason = run.error if failed else f"{run.standing}."
    return _health(HealthVerdict.ENDED, reason, action, run.completed_at)


def _without_worker(run: Situation) -> Health | None:
    if run.fleet.alive or not (run.goes_on or run.generating):
        return None
    since = max(run.resumed_at, run.fleet.gone_at or run.resumed_at)
    return _health(HealthVerdict.STUCK, "No worker is alive.", "Start a worker.", since)


def _paused(run: Situation) -> Health | None:
    if run.status != RunStatus.PAUSED:
        return None
    pause = run.last("pause")
    since = moment(pause["at_s"]) if pause else run.quiet_since
    if run.error_code:
        action = _AFTER.get(run.error_code, _OTHERWISE)
        return _health(HealthVerdict.STUCK, run.error, action, since)
    by = pause["actor"] if pause else ENGINE
    return _health(HealthVerdict.WAITING, f"Paused by {by}.", "Resume the run.", since)


def _ending(run: Situation) -> Health | None:
    """Only what has begun is left, or not even that."""
    if run.draining:
        ended = run.last("cancel", "fail")
        since = moment(ended["at_s"]) if ended else run.quiet_since
        reason = f"{RunStatus(run.status).label.capitalize()}; what had begun is being finished."
        return _health(HealthVerdict.FLOWING, reason, None, since)
    if run.pending:
        return None
    reason = f"The last {run.item_words[1]} are under way."
    if run.generating or run.at - run.quiet_since < STUCK:
        return _health(HealthVerdict.FLOWING, reason, None, run.quiet_since)
    reason = f"All {run.item_words[1]} are over, and nobody writes its end."
    return _health(HealthVerdict.STUCK, reason, _DOCTOR, run.quiet_since)


def _closed(run: Situation) -> Health | None:
    closing = run.closing
    if closing is None:
        return None
    until = _told(closing.until)
    if closing.closed_by:
        reason = f"{closing.closed_by} closed the gate of {run.model} until {until}"
        reason += f": {closing.reason.rstrip('.')}." if closing.reason else "."
        action = f"Open the gate of {run.model} to go on sooner."
        return _health(HealthVerdict.WAITING, reason, action, run.quiet_since)
    reason = (
        f"The provider refused calls of {run.model} ({closing.reason}); none starts until {until}."
    )
    return _health(HealthVerdict.WAITING, reason, None, run.quiet_since)


def _in_batches(run: Situation) -> Health | None:
    """All that is left is asked by the provider's batches."""
    if run.generating or not run.in_batch or run.in_batch < run.pending:
        return None
    many = counted(run.in_batch, run.item_words)
    if run.batches_since is None:
        reason = f"{many} will go with the provider's next batch."
        return _health(HealthVerdict.WAITING, reason, None, run.quiet_since)
    since = max(run.batches_since, run.resumed_at)
    reason = f"The provider has {many} in batches, which it answers within a day."
    return _health(HealthVerdict.WAITING, reason, None, since)


def _flowing(run: Situation) -> Health | None:
    fresh = run.claimed_at is not None and run.at - run.claimed_at < _FRESH
    if not run.generating and not fresh:
        return None
    if run.adaptive:
        return _adaptive(run)
    lanes = f"up to {run.lanes} at the same time" if run.lanes > 1 else "one after the other"
    reason = f"{run.item_words[1].capitalize()} are under way, {lanes}."
    return _health(HealthVerdict.FLOWING, reason, None, run.resumed_at)


def _adaptive(run: Situation) -> Health:
    """Says what the number of lanes comes from, as the trail has it since it changed last."""
    changed = run.last("change")
    if changed is None or changed["actor"] != ENGINE or LANES not in changed["details"]:
        reason = f"Adaptive: {_lanes(run.lanes)} to begin with."
        return _health(HealthVerdict.FLOWING, reason, None, run.resumed_at)
    details, at = changed["details"], moment(changed["at_s"])
    call_s = details.get(CALL_S)
    why = f"{details.get(CALLS_PER_S, 0)} calls a second"
    why += f" that take {call_s:g} s each" if call_s else ""
    reason = f"Adaptive: {_lanes(details[LANES])} for {why}; {details['lanesBefore']} until"
    return _health(HealthVerdict.FLOWING, f"{reason} {_told(at)}.", None, max(at, run.resumed_at))


def _parked(run: Situation) -> Health | None:
    if run.wake_at is None:
        return None
    why = WAITS.get(run.wait_reason, run.wait_reason)
    if run.wake_at < run.at - STUCK:
        reason = f"{why}; its lanes were due at {_told(run.wake_at)}, and nobody sends them."
        return _health(HealthVerdict.STUCK, reason, _DOCTOR, run.quiet_since)
    if run.wait_reason == WaitReason.LIMITER_AWAY and run.at - run.quiet_since >= STUCK:
        return _health(HealthVerdict.STUCK, f"{why}.", "Bring Redis back.", run.quiet_since)
    due = f"; no lane is due before {_told(run.wake_at)}" if run.wake_at > run.at else ""
    return _health(HealthVerdict.WAITING, f"{why}{due}.", None, run.quiet_since)


def _crowded(run: Situation) -> Health | None:
    fleet = run.fleet
    if fleet.running < fleet.slots:
        return None
    reason = f"All {fleet.slots} places of the workers are taken by other runs."
    action = "Start another worker to go on sooner."
    return _health(HealthVerdict.WAITING, reason, action, run.quiet_since)


def _unclaimed(run: Situation) -> Health:
    """Its messages are sent, or about to be, and no worker takes one."""
    elsewhere = run.fleet.claimed_at
    if elsewhere and run.at - elsewhere < STUCK and elsewhere > run.quiet_since:
        reason = "Other runs' items come first."
        return _health(HealthVerdict.WAITING, reason, None, run.quiet_since)
    if run.at - run.quiet_since < STUCK:
        reason = f"Its {run.item_words[1]} wait for a worker."
        return _health(HealthVerdict.WAITING, reason, None, run.quiet_since)
    reason = "A worker is alive, and none takes an item."
    return _health(HealthVerdict.STUCK, reason, _DOCTOR, run.quiet_since)


_LOOKS: tuple[Callable[[Situation], Health | None], ...] = (
    _ended, _without_worker, _paused, _ending, _in_batches, _closed, _flowing, _parked, _crowded,
)  # fmt: skip


def _health(
    verdict: HealthVerdict, reason: str, next_action: str | None, since: datetime
) -> Health:
    return Health(verdict=verdict, reason=reason, next_action=next_action, since=since)


def _lanes(count: int) -> str:
    return "1 lane" if count == 1 else f"{count:,} lanes"


def _told(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
