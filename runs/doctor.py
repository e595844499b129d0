"""Doctor checks of runs: live workers, what they take for the installation's budget, and clocks
that differ from PostgreSQL's."""

from collections.abc import Iterator

import psycopg
from django.conf import settings
from django.db import Error as DjangoDatabaseError

from batchgen.db.clock import MOST_AHEAD_S
from batchgen.db.expansion import workers_go_on
from batchgen.doctor.registry import Finding, NotChecked, check, error, ok, warning
from batchgen.http.health import migrations_missing
from batchgen.micro_usd import usd_text
from runs.reads.clocks import clocks_wrong
from runs.reads.surroundings import workers_alive


@check("celery")
def workers() -> Iterator[Finding]:
    """A worker holds a lease, and none is of a version that could not go on."""
    try:
        alive = workers_alive().count()
        missing = migrations_missing()
    except DjangoDatabaseError as failure:
        raise NotChecked("the workers' leases cannot be read.") from failure
    told = f"{alive} {'worker is' if alive == 1 else 'workers are'} alive"
    if alive and not workers_go_on(missing):
        yield error(
            "WORKERS_OUTDATED",
            f"{told} while migrations of before 0.2.0 are missing: of a version that could not "
            "work on the new tables.",
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


@check("celery")
def monthly_budgets() -> Iterator[Finding]:
    """All processes know of the same monthly budget: each sets it where it is another one."""
    ours = settings.MONTHLY_BUDGET_MICRO_USD
    try:
        others = workers_alive().exclude(monthly_budget_micro_usd=ours)
        differ = list(others.order_by("name").values_list("name", "monthly_budget_micro_usd"))
    except DjangoDatabaseError as failure:
        raise NotChecked("what the workers may spend cannot be read.") from failure
    for name, micro_usd in differ:
        yield error(
            "BUDGETS_DIFFER",
            f"The installation may spend {_a_month(micro_usd)} as {name} was started, and "
            f"{_a_month(ours)} as this process was: it is now the one, now the other.",
            "Give every process the same BATCHGEN_MONTHLY_BUDGET_USD, and start them anew.",
        )
    if not differ:
        yield ok("BUDGETS", f"The installation may spend {_a_month(ours)}.")


def _a_month(micro_usd: int | None) -> str:
    return "any amount" if micro_usd is None else f"{usd_text(micro_usd)} a month"


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
