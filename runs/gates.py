"""Gates that people close and open: PostgreSQL and Redis, the trail, and the lanes that wait.

PostgreSQL comes first: it is what a Redis that lost the gate is reminded of. Where Redis is away
the change stands there alone, and its author is told so.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import DateTimeField, Value
from django.db.models.functions import Now
from redis import RedisError

from batchgen.errors import NotFound, Unavailable, ValidationFailed
from epics.access import staff_hold
from limiter.keys import CLOSED_MOST_S
from limiter.status import closing_set
from providers.registry import limit_pool
from runs.closures import EPOCH, closed_gates, closures_of_accounts
from runs.engine.queries import QUERIES
from runs.engine.trail import Actor
from runs.models import Closure, GateAction, Run, RunLog
from runs.reads.gates import gates_of, runs_at
from runs.states import WaitReason

log = logging.getLogger(__name__)

#: Of a reason that a person gives.
REASON_CHARS = 200
#: Why lanes are parked that an opened gate may let go on.
_HELD_BY_GATES = (WaitReason.GATE_CLOSED.value, WaitReason.RATE_LIMIT.value)
_REDIS_AWAY = (
    "It is written down, but Redis is away: workers may not know of it when it is back. Repeat it"
    " then."
)


def models_known() -> list[str]:
    """The configured model, and those that runs used: what has a gate that somebody may mean."""
    return sorted(gates_of(Run.objects.all()))


def gate_of(model: str) -> str:
    """The model's gate.

    Raises:
        NotFound: it is neither the configured model, nor that of any run, nor what
            `limits_read` calls a gate that is closed.
    """
    known = gates_of(Run.objects.all())
    gate = known.get(model) or limit_pool(model)
    if model not in known and not closures_of_accounts().filter(gate=gate).exists():
        raise NotFound(f"No run has used this model. Known are {', '.join(sorted(known))}.")
    return gate


def gate_close(*, model: str, until: datetime, reason: str, actor: Actor) -> None:
    """Let no call of the model start until then. A closing that lasts is replaced.

    Raises:
        NotFound: the model is not known.
        ValidationFailed: `until` is over, or more than a month away, by PostgreSQL's clock.
        Forbidden: the actor is a user and not staff any more.
        Unavailable: Redis is away; see there.
    """
    gate = gate_of(model)
    with _changing(actor):
        made = Closure(gate=gate, until=EPOCH, reason=reason)
        Closure.objects.bulk_create([made], ignore_conflicts=True)
        closures = Closure.objects.annotate(asked=Value(until, DateTimeField()))
        latest = Now() + timedelta(seconds=CLOSED_MOST_S)
        if not closures.filter(gate=gate, asked__gt=Now(), asked__lte=latest).update(
            until=until, reason=reason
        ):
            raise ValidationFailed(
                "A gate is closed until a time to come.",
                until=["Give a time from now on, within 31 days."],
            )
        _note(GateAction.Kind.CLOSE, gate, model, actor, reason=reason, until=until)
    closed = closed_gates().get(gate)
    if closed is not None:  # a very short one may be over
        _tell_redis(gate, closed.seconds, reason)


def gate_open(*, model: str, actor: Actor, reason: str = "") -> None:
    """Let calls of the model start again, whatever closed its gate; lanes that wait for it go on.

    Raises:
        NotFound: the model is not known.
        Forbidden: the actor is a user and not staff any more.
        Unavailable: Redis is away; see there.
    """
    gate = gate_of(model)
    with _changing(actor):
        Closure.objects.filter(gate=gate).delete()
        _note(GateAction.Kind.OPEN, gate, model, actor, reason=reason)
    try:
        _tell_redis(gate, 0, "")
    finally:
        models = list(runs_at(gate).values_list("model", flat=True).distinct())
        QUERIES.fetch("lanes_wake", {"models": models, "reasons": list(_HELD_BY_GATES)})


@contextmanager
def _changing(actor: Actor) -> Iterator[None]:
    """A transaction that nobody's right outlasts: a user has to be staff still."""
    with transaction.atomic():
        if isinstance(actor, User):
            staff_hold(user=actor)
        yield


def _note(
    kind: GateAction.Kind,
    gate: str,
    model: str,
    actor: Actor,
    *,
    reason: str,
    until: datetime | None = None,
) -> None:
    """Keep who did it, in the trail and in the logs of the runs that it is for."""
    name = actor.get_username()
    GateAction.objects.create(
        gate=gate,
        model=model,
        kind=kind,
        actor=name,
        actor_id=actor.pk,
        reason=reason,
        until=until,
    )
    done = "opened" if until is None else f"closed until {until:%Y-%m-%d %H:%M:%S %Z}"
    told = f"The gate of {model} was {done} by {name}" + (f": {reason}" if reason else ".")
    _tell_runs(told, gate, level="info" if until is None else "warning")
    transaction.on_commit(lambda: log.warning("%s", told))


def _tell_runs(message: str, gate: str, *, level: str) -> None:
    RunLog.objects.bulk_create(
        RunLog(run_id=run_id, message=message, level=level)
        for run_id in runs_at(gate).values_list("pk", flat=True)
    )


def _tell_redis(gate: str, seconds: float, reason: str) -> None:
    try:
        closing_set(gate, seconds=seconds, reason=reason)
    except RedisError as away:
        log.warning("a gate's change is in PostgreSQL only: %s", away)
        raise Unavailable(_REDIS_AWAY) from away
