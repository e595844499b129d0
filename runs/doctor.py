"""Doctor checks of runs: live workers, and clocks that differ from PostgreSQL's."""

from collections.abc import Iterator

import psycopg
from django.db import Error as DjangoDatabaseError

from batchgen.db.clock import MOST_AHEAD_S
from batchgen.doctor.registry import Finding, NotChecked, check, error, ok, warning
from batchgen.http.health import migrations_missing
from runs.reads.clocks import clocks_wrong
from runs.reads.surroundings import workers_alive


@check("celery")
def workers() -> Iterator[Finding]:
    """A worker holds a lease, and none is of the version before."""
    try:
        alive = workers_alive().count()
        missing = migrations_missing()
    except DjangoDatabaseError as failure:
        raise NotChecked("the workers' leases cannot be read.") from failure
    told = f"{alive} {'worker is' if alive == 1 else 'workers are'} alive"
    if alive and missing:
        yield error(
            "WORKERS_OUTDATED",
            f"{told} while migrations are missing: of the version before, which could not work "
            "on the new tables.",
            "Stop all workers, run `manage.py migrate`, then start those of this version.",
        )
    elif alive:
        yield ok("WORKERS", f"{told}.")
    else:
        yield error(
            "NO_WORKER",
            "No worker is alive; runs stay QUEUED.",
            "Start one: celery -A batchgen worker -P threads.",
        )


@check("clock")
def clocks() -> Iterator[Finding]:
    """This host's clock, and the workers', are PostgreSQL's."""
    try:
        wrong = list(clocks_wrong())
    except (psycopg.Error, DjangoDatabaseError) as failure:
        raise NotChecked("PostgreSQL does not say what time it is.") from failure
    for each in wrong:
        yield warning(
            "CLOCK_WRONG",
            each.message,
            "Keep that host's clock, or PostgreSQL's, by NTP: logs and tokens go by it.",
        )
    if not wrong:
        yield ok("CLOCKS", f"No host's clock is more than {MOST_AHEAD_S:g} s off PostgreSQL's.")
