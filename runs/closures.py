"""What PostgreSQL remembers of closed gates, by the database's clock: Redis may forget it all."""

from datetime import UTC, datetime, timedelta
from functools import reduce
from operator import or_

from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from limiter.status import Closed
from providers.registry import account_prefixes
from runs.models import Closure

#: Before any closure.
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def closures_of_accounts() -> "QuerySet[Closure]":
    """Of the gates of the configured provider accounts, closed or not any more."""
    prefixes = (Q(gate__startswith=prefix) for prefix in account_prefixes())
    return Closure.objects.filter(reduce(or_, prefixes))


def closed_gates() -> dict[str, Closed]:
    """The gates of the configured provider accounts that are closed still, by name."""
    closures = closures_of_accounts().filter(until__gt=Now())
    return {
        gate: Closed(until=until, seconds=left.total_seconds(), reason=reason)
        for gate, until, left, reason in closures.values_list(
            "gate", "until", F("until") - Now(), "reason"
        )
    }


def closure_write(gate: str, *, seconds: float, reason: str) -> None:
    """Remember that the gate is closed for so long from now; never a shorter time than before.

    By the database's clock: the host's may be wrong by an hour, and would close it for that long.
    """
    until = Now() + timedelta(seconds=seconds)
    Closure.objects.bulk_create(
        [Closure(gate=gate, until=EPOCH, reason=reason)], ignore_conflicts=True
    )
    Closure.objects.filter(gate=gate, until__lt=until).update(until=until, reason=reason)


def closure_read(gate: str) -> tuple[float, str] | None:
    """For how many seconds the gate is closed still, and why; None when it is open."""
    closures = Closure.objects.filter(gate=gate, until__gt=Now())
    closure = closures.values_list(F("until") - Now(), "reason").first()
    return (closure[0].total_seconds(), closure[1]) if closure else None
