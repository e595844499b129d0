"""Does somebody do the work?"""

from collections.abc import Iterator

from django.db import Error as DjangoDatabaseError

from batchgen.doctor.registry import Finding, NotChecked, check, error, ok
from runs.selectors import workers_alive


@check("celery")
def workers() -> Iterator[Finding]:
    """A worker holds a lease."""
    try:
        alive = workers_alive().count()
    except DjangoDatabaseError as failure:
        raise NotChecked("the workers' leases cannot be read.") from failure
    if alive:
        yield ok("WORKERS", f"{alive} {'worker is' if alive == 1 else 'workers are'} alive.")
    else:
        yield error(
            "NO_WORKER",
            "No worker is alive; runs stay QUEUED.",
            "Start one: celery -A batchgen worker -P threads.",
        )
