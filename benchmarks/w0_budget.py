"""BUDGET: what it costs to hold what calls may cost. W0 without a budget and with three, in turns:
of the run, of the project's month and of the installation's.
"""

from functools import partial

from django.conf import settings

from batchgen.micro_usd import usd_of
from benchmarks import runs
from benchmarks.bench import Bench
from benchmarks.rows import Rows, side_by_side, spread
from benchmarks.w0_memory import EPICS, LANES, LEAST_PAIRS, Measure, engine, figures, measured
from epics.models import Project
from runs.models import Budget

_WITHOUT, _WITH = "without a budget", "with three"
#: More than all of it costs.
_MICRO_USD = 10_000_000_000
_WANTED = 1.1


def run(bench: Bench) -> Rows:
    """In turns, at least three times each."""
    repeats = 1 if bench.quick else max(bench.repeats, LEAST_PAIRS)
    ways: dict[str, Measure] = {_WITHOUT: partial(engine, lanes=LANES), _WITH: _limited}
    rounds = [{name: measured(way, bench) for name, way in ways.items()} for _ in range(repeats)]
    columns = {name: [each[name] for each in rounds] for name in ways}
    pairs = [(each[_WITH].window, each[_WITHOUT].window) for each in rounds]
    cpu = spread([limited.cpu_ms() / free.cpu_ms() for limited, free in pairs])
    time = spread([free.epics_per_s / limited.epics_per_s for limited, free in pairs])
    return Rows(
        name="BUDGET",
        title=f"{bench.epics(EPICS)} epics, {LANES} lanes, answers from memory, one worker",
        rows=side_by_side("per epic", {name: figures(found) for name, found in columns.items()}),
        notes=[f"with three, paired: {time} x the time, {cpu} x the CPU (wanted: {_WANTED})"],
    )


def _limited(bench: Bench, project: Project, total: int) -> runs.Window:
    """Under budgets that hold each call, and are never reached."""
    micro_usd = _MICRO_USD
    Project.objects.filter(pk=project.pk).update(monthly_budget_micro_usd=micro_usd)
    settings.MONTHLY_BUDGET_MICRO_USD = micro_usd
    try:
        window = engine(
            bench,
            project,
            total,
            lanes=LANES,
            budget_micro_usd=micro_usd,
            settings={"BATCHGEN_MONTHLY_BUDGET_USD": str(usd_of(micro_usd))},
        )
    finally:
        settings.MONTHLY_BUDGET_MICRO_USD = None
    spent = set(Budget.objects.exclude(spent_micro_usd=0).values_list("scope", flat=True))
    if len(spent) != len(Budget.Scope):
        raise runs.DidNotFinish(f"Of the budgets only {sorted(spent)} counted.")
    return window
