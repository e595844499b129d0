"""Statuses of runs, items and lanes, where each may go from there, and why one waits.

The only place that says so: tests hold the SQL's literals and moves to it. No queries here.
"""

from django.db.models import TextChoices


class RunStatus(TextChoices):
    QUEUED = "QUEUED"  # the first claimed epic moves it on
    RUNNING = "RUNNING"  # the last finished epic moves it on, or a person
    PAUSED = "PAUSED"  # a person moves it on
    SUCCEEDED = "SUCCEEDED"
    COMPLETED_WITH_ERRORS = "COMPLETED_WITH_ERRORS"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


class RunPhase(TextChoices):
    INITIALIZING = "INITIALIZING"
    LOADING_CONTENT = "LOADING_CONTENT"
    ANALYZING = "ANALYZING"
    QUEUEING_EPICS = "QUEUEING_EPICS"
    GENERATING_STORIES = "GENERATING_STORIES"
    GENERATING = "GENERATING"
    SAVING_RESULTS = "SAVING_RESULTS"
    FINALIZING = "FINALIZING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"


class ItemStatus(TextChoices):
    PENDING = "PENDING"  # a worker claims it
    GENERATING = "GENERATING"  # its worker finishes it, or the reconciler takes it back
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    SKIPPED = "SKIPPED"  # there was nothing to generate from
    CANCELLED = "CANCELLED"  # this one epic, by a person


class ItemStage(TextChoices):
    VALIDATION = "validation"
    CONTEXT_BUILDING = "context-building"
    COMPONENT_GENERATION = "component-generation"
    TEMPLATE_ASSEMBLY = "template-assembly"
    QUALITY_VALIDATION = "quality-validation"
    POST_PROCESSING = "post-processing"
    STORAGE = "storage"


class LaneState(TextChoices):
    IDLE = "idle"  # nothing to do; dispatch gives it an epic
    SENT = "sent"  # its message is in the broker; a worker claims it
    RUNNING = "running"  # a worker generates its epic
    PARKED = "parked"  # it waits until wake_at; the reconciler sends it


class WaitReason(TextChoices):
    """Why a lane is parked, and so its item waits."""

    PACING = "pacing"  # the delay of the run's profile
    PERMIT_REQUESTS = "permit-requests"  # the limit that is used up
    PERMIT_INPUT = "permit-input"
    PERMIT_OUTPUT = "permit-output"
    PERMIT_CONCURRENCY = "permit-concurrency"
    GATE_CLOSED = "gate-closed"  # the provider, or a person, lets no call of the model start
    TURN = "turn"  # others come first
    CACHE = "cache"  # the first call with this project's text is under way
    LIMITER_AWAY = "limiter-away"  # Redis does not answer
    RATE_LIMIT = "rate-limit"  # the call was refused; no attempt is spent
    BUDGET = "budget"  # calls under way hold the rest of a budget
    BACKOFF = "backoff"  # the call failed; the attempt is repeated
    STOPPED = "stopped"  # its worker stops, or its run stood still
    RUN_PAUSED = "run-paused"  # of an item, whatever its lane does
    BATCH = "batch"  # of an item: it is asked by the provider's batches


class HealthVerdict(TextChoices):
    """Whether a run goes on: `runs.reads.health`."""

    FLOWING = "flowing"  # items are made, or have just been
    WAITING = "waiting"  # it goes on by itself, or when who stopped it lets it
    STUCK = "stuck"  # it does not, until somebody does what it says
    ENDED = "ended"


class Pacing(TextChoices):
    SAFE = "safe"
    NORMAL = "normal"
    FAST = "fast"
    ADAPTIVE = "adaptive"


class Priority(TextChoices):
    HIGH = "HIGH"
    NORMAL = "NORMAL"
    LOW = "LOW"


class MoneyLane(TextChoices):
    """How a run's first requests are asked, which decides what they cost and when they end."""

    REALTIME = "realtime"
    BATCH = "batch"  # by the provider's batches, at half the price
    CHEAPEST = "cheapest"  # by batches as long as the deadline allows, then realtime


class BatchState(TextChoices):
    """Of a slice, as we know it; docs/batches.md."""

    CREATING = "creating"  # our rows stand; nobody knows yet whether the provider has it
    OPEN = "open"  # the provider works on it
    CANCELING = "canceling"  # the provider was told to stop
    ENDED = "ended"  # its results are to be read
    COLLECTED = "collected"  # each of its calls has ended
    LOST = "lost"  # the provider does not have it (any more)
    REFUSED = "refused"  # the provider did not take it


class CallOutcome(TextChoices):
    STARTED = "STARTED"  # the intent: the call may be on its way
    ANSWERED = "ANSWERED"
    NOT_MADE = "NOT_MADE"  # nothing to generate from, or an earlier attempt's answers were enough
    FAILED = "FAILED"
    LOST = "LOST"  # its worker died or was overtaken; it may have been billed


class CallLane(TextChoices):
    """By what way a call goes to the provider."""

    REALTIME = "realtime"
    BATCH = "batch"  # in a batch of the provider's, at half the price


class Certainty(TextChoices):
    """What is known of a call's cost."""

    BILLED = "billed"  # the provider said what it took
    POSSIBLY = "possibly"  # nobody knows whether, or how much: at most what was held for it
    UNBILLED = "unbilled"  # the provider takes nothing for such an end


#: Where a run may go from each status.
TRANSITIONS: dict[RunStatus, frozenset[RunStatus]] = {
    RunStatus.QUEUED: frozenset({RunStatus.RUNNING, RunStatus.CANCELLED, RunStatus.FAILED}),
    RunStatus.RUNNING: frozenset(
        {
            RunStatus.PAUSED,
            RunStatus.SUCCEEDED,
            RunStatus.COMPLETED_WITH_ERRORS,
            RunStatus.FAILED,
            RunStatus.CANCELLED,
        }
    ),
    RunStatus.PAUSED: frozenset({RunStatus.RUNNING, RunStatus.CANCELLED}),
    RunStatus.SUCCEEDED: frozenset(),
    RunStatus.COMPLETED_WITH_ERRORS: frozenset(),
    RunStatus.FAILED: frozenset(),
    RunStatus.CANCELLED: frozenset(),
}
#: Where an item may go.
ITEM_TRANSITIONS: dict[ItemStatus, frozenset[ItemStatus]] = {
    ItemStatus.PENDING: frozenset({ItemStatus.GENERATING, ItemStatus.CANCELLED}),
    ItemStatus.GENERATING: frozenset(
        {
            ItemStatus.PENDING,
            ItemStatus.COMPLETED,
            ItemStatus.FAILED,
            ItemStatus.SKIPPED,
            ItemStatus.CANCELLED,
        }
    ),
    ItemStatus.COMPLETED: frozenset(),
    ItemStatus.FAILED: frozenset(),
    ItemStatus.SKIPPED: frozenset(),
    ItemStatus.CANCELLED: frozenset(),
}
#: Where a lane may go. It may also be sent again, with a new fencing token.
LANE_TRANSITIONS: dict[LaneState, frozenset[LaneState]] = {
    LaneState.IDLE: frozenset({LaneState.SENT}),
    LaneState.SENT: frozenset({LaneState.RUNNING, LaneState.PARKED, LaneState.IDLE}),
    LaneState.RUNNING: frozenset({LaneState.SENT, LaneState.PARKED, LaneState.IDLE}),
    LaneState.PARKED: frozenset({LaneState.SENT, LaneState.IDLE}),
}
#: Where a slice may go.
BATCH_TRANSITIONS: dict[BatchState, frozenset[BatchState]] = {
    BatchState.CREATING: frozenset({BatchState.OPEN, BatchState.LOST, BatchState.REFUSED}),
    BatchState.OPEN: frozenset(
        # What was adopted and turns out to be somebody else's is looked for once more.
        {BatchState.CANCELING, BatchState.ENDED, BatchState.LOST, BatchState.CREATING}
    ),
    BatchState.CANCELING: frozenset({BatchState.ENDED, BatchState.LOST}),
    BatchState.ENDED: frozenset({BatchState.COLLECTED, BatchState.LOST, BatchState.CREATING}),
    BatchState.COLLECTED: frozenset(),
    BatchState.LOST: frozenset(),
    BatchState.REFUSED: frozenset(),
}
#: A slice that may still bring answers.
BATCH_OUT = tuple(state for state, targets in BATCH_TRANSITIONS.items() if targets)
ACTIVE = (RunStatus.QUEUED, RunStatus.RUNNING, RunStatus.PAUSED)
FINAL = tuple(status for status, targets in TRANSITIONS.items() if not targets)

#: The limiter's ranks: a lower one goes first.
PRIORITY_RANK: dict[str, int] = {Priority.HIGH: 0, Priority.NORMAL: 1, Priority.LOW: 2}

#: Celery's message priority on Redis, where 0 is served first.
MESSAGE_PRIORITY: dict[str, int] = {Priority.HIGH: 0, Priority.NORMAL: 3, Priority.LOW: 6}


def sources_of(target: RunStatus) -> tuple[RunStatus, ...]:
    """The statuses from which a run may go to `target`."""
    return tuple(status for status, targets in TRANSITIONS.items() if target in targets)
