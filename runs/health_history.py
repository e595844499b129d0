"""What a run's health was: a row for each time in which it had one verdict and one next action.

Health itself is told from rows and kept nowhere. So that somebody can see later what held a run
up, one worker looks every few seconds and writes down what changed: the one that is alive for
longest, so that ten cost as much as one. What comes and goes between two looks is not noticed; the
trail and the log have it.

- A look closes the period that it found, by its id, and begins the next one; of a run's periods one
  at most is open, which the database holds. So where two workers look at a time, as when the first
  is taken for dead, the later write is nothing.
- While no worker is alive nobody looks. The first one that starts does so before it registers, and
  finds "no worker is alive" with the moment since when.
- Whoever reads the history is shown what is so now first, noticed or not.
"""

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Self
from uuid import UUID

from django.db import IntegrityError, transaction

from runs.models import HealthPeriod, Run
from runs.reads.health import Health
from runs.reads.progress import RunProgress
from runs.reads.selectors import runs_with_figures
from runs.reads.surroundings import workers_alive
from runs.states import HealthVerdict

log = logging.getLogger(__name__)

#: Periods of a run that are kept, the latest ones.
MOST_KEPT = 100
#: Runs of one look, which takes milliseconds for each; of more the newest.
_MOST_RUNS = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class Period:
    """A time in which a run's health was this. `until`: None of now."""

    verdict: str
    reason: str
    next_action: str | None
    since: datetime
    until: datetime | None

    @classmethod
    def of(cls, row: HealthPeriod, *, until: datetime | None) -> Self:
        """As it was written down."""
        return cls(
            verdict=row.verdict,
            reason=row.reason,
            next_action=row.next_action or None,
            since=row.since,
            until=until,
        )


def health_history(progress: RunProgress) -> list[Period]:
    """What its health is, and what it was, the latest first."""
    health = progress.health
    rows = list(HealthPeriod.objects.filter(run=progress.run.pk)[:MOST_KEPT])
    last = rows[0] if rows and rows[0].until is None else None
    since = _since(health, last, at=progress.at)
    now = Period(
        verdict=health.verdict,
        reason=health.reason,
        next_action=health.next_action,
        since=last.since if last and _is(last, health) else since,
        until=None,
    )
    before = [row for row in rows if row is not last or not _is(row, health)]
    return [now, *(Period.of(row, until=row.until or since) for row in before)]


def health_notice() -> int:
    """Write down what changed in the health of runs that are not over; how many did."""
    noticed = {row.run_id: row for row in HealthPeriod.objects.filter(until__isnull=True)}
    going = Run.objects.filter(completed_at__isnull=True).order_by("-created_at")
    ids = {*going.values_list("pk", flat=True)[:_MOST_RUNS], *noticed}
    if not ids:
        return 0
    runs = runs_with_figures(Run.objects.filter(pk__in=ids).order_by())
    return sum(_notice(RunProgress.of(run), noticed.get(run.pk)) for run in runs)


def is_first(worker_id: UUID) -> bool:
    """Whether this worker is the one that looks: the one that is alive for longest."""
    first = workers_alive().order_by("started_at", "id").values_list("pk", flat=True).first()
    return first == worker_id


def loneliness_notice() -> None:
    """Write down that no worker is alive, where none is and runs wait for one. For who starts; it
    starts whatever comes of this."""
    try:
        if Run.objects.filter(completed_at__isnull=True).exists() and not workers_alive().exists():
            health_notice()
    except Exception:
        log.exception("what runs' health was until now is not known")


def _notice(progress: RunProgress, last: HealthPeriod | None) -> bool:
    """Whether its health is another one than it was."""
    health = progress.health
    if last and _is(last, health):
        return False
    since = _since(health, last, at=progress.at)
    try:
        with transaction.atomic():
            if last and not HealthPeriod.objects.filter(pk=last.pk, until=None).update(until=since):
                return False
            if health.verdict != HealthVerdict.ENDED:
                _begin(progress.run, health, since)
    except IntegrityError:  # the run was deleted meanwhile
        return False
    return True


def _begin(run: Run, health: Health, since: datetime) -> None:
    HealthPeriod.objects.bulk_create(
        [
            HealthPeriod(
                run=run,
                verdict=health.verdict,
                reason=health.reason,
                next_action=health.next_action or "",
                since=since,
            )
        ],
        ignore_conflicts=True,
    )
    old = HealthPeriod.objects.filter(run=run.pk).values_list("pk", flat=True)[MOST_KEPT:]
    HealthPeriod.objects.filter(pk__in=list(old)).delete()


def _is(row: HealthPeriod, health: Health) -> bool:
    return (row.verdict, row.next_action) == (health.verdict, health.next_action or "")


def _since(health: Health, last: HealthPeriod | None, *, at: datetime) -> datetime:
    """When it became so; never before what was so until then."""
    if last is None:
        return health.since
    return health.since if last.since < health.since <= at else max(at, last.since)
