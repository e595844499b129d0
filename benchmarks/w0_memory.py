"""W0: what the engine itself costs. 2,000 epics, 10 lanes, one worker, answers from memory.

Paired with bare Celery, and with the other peers where they are asked for, in the same run:
engine, peer, engine, peer …
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from statistics import median
from types import MappingProxyType

from benchmarks import runs
from benchmarks.backlogs import project_create
from benchmarks.bench import Bench
from benchmarks.counters import counters
from benchmarks.peers import bare_celery
from benchmarks.peers.running import PEERS, Job, celery, peer
from benchmarks.processes import Tree
from benchmarks.rows import Rows, Value, side_by_side, spread
from epics.models import Project

EPICS = 2000
LANES = 10
WARM_UP = 200
LEAST_PAIRS = 3
_OURS = "batchgen"
Measure = Callable[[Bench, Project, int], runs.Window]


@dataclass(frozen=True, kw_only=True, slots=True)
class Round:
    """One measurement: the window after the warm-up, and what was counted over all epics."""

    window: runs.Window
    counted: dict[str, float]


def run(bench: Bench) -> Rows:
    """Engine and peers in turns, at least three times each."""
    repeats = 1 if bench.quick else max(bench.repeats, LEAST_PAIRS)
    measures: dict[str, Measure] = {
        _OURS: partial(engine, lanes=LANES),
        "bare Celery, same SQL": partial(_celery, variant=bare_celery.SAME),
        "bare Celery, least SQL": partial(_celery, variant=bare_celery.LEAST),
    }
    if bench.peers:
        measures |= {name: partial(_peer, name=name) for name in PEERS}
    rounds = [
        {name: measured(measure, bench) for name, measure in measures.items()}
        for _ in range(repeats)
    ]
    columns = {name: [each[name] for each in rounds] for name in measures}
    return Rows(
        name="W0",
        title=f"{bench.epics(EPICS)} epics, {LANES} lanes, answers from memory, one worker",
        rows=side_by_side("per epic", {name: figures(found) for name, found in columns.items()}),
        notes=[
            "CPU wanted of ours: at most 3.5 ms; epics/s: at least 0.85 x bare Celery, same SQL",
            *(_paired(name, columns) for name in measures if name != _OURS),
            "Bare Celery's sender is paid too: its clock starts with the first message.",
        ],
    )


def _paired(peer: str, columns: dict[str, list[Round]]) -> str:
    pairs = list(zip(columns[_OURS], columns[peer], strict=True))
    rates = [ours.window.epics_per_s / theirs.window.epics_per_s for ours, theirs in pairs]
    costs = [ours.window.cpu_ms() / theirs.window.cpu_ms() for ours, theirs in pairs]
    return f"{peer}, paired: {spread(rates)} x its epics/s, {spread(costs)} x its CPU"


def measured(measure: Measure, bench: Bench) -> Round:
    """Over a project of its own, from empty tables on."""
    bench.empty()
    total = WARM_UP + bench.epics(EPICS)
    project = project_create(epics=total)
    before = counters()
    window = measure(bench, project, total)
    return Round(window=window, counted=(counters() - before).per(total))


def engine(
    bench: Bench,
    project: Project,
    total: int,
    *,
    lanes: int,
    budget_micro_usd: int | None = None,
    settings: Mapping[str, str] = MappingProxyType({}),
) -> runs.Window:
    """A run over the project's `total` epics, from the end of the warm-up on.

    Args:
        settings: the worker's own.
    """
    entry = "benchmarks.memory_worker"
    with bench.worker(threads=lanes, entry=entry, settings=settings) as worker:
        run = runs.start(project, lanes=lanes, budget_micro_usd=budget_micro_usd)
        window = runs.window(
            lambda: runs.done(run),
            warm_up=WARM_UP,
            total=total,
            trees={"worker": worker, **bench.servers()},
        )
        runs.finished(run)
    return window


def _celery(bench: Bench, project: Project, total: int, *, variant: str) -> runs.Window:
    job = Job.of(project)
    with celery(bench, job, lanes=LANES, variant=variant) as worker:
        return _window(bench, job, worker, total)


def _peer(bench: Bench, project: Project, total: int, *, name: str) -> runs.Window:
    job = Job.of(project)
    with peer(bench, name, job, lanes=LANES) as worker:
        return _window(bench, job, worker, total)


def _window(bench: Bench, job: Job, worker: Tree, total: int) -> runs.Window:
    trees = {"worker": worker, **bench.servers()}
    return runs.window(job.done, warm_up=WARM_UP, total=total, trees=trees)


def figures(rounds: list[Round]) -> dict[str, Value]:
    """Of several rounds: an epic's."""
    windows = [each.window for each in rounds]
    counted = {what: median(each.counted[what] for each in rounds) for what in rounds[0].counted}
    return {
        "epics/s": spread([each.epics_per_s for each in windows], 0),
        "CPU, ms": spread([each.cpu_ms() for each in windows]),
        **{
            f"- {name}, ms": spread([each.cpu_ms(name) for each in windows])
            for name in windows[0].cpu_s
        },
        "transactions": counted["commits"],
        "rows written": counted["rows_written"],
        "messages": counted["messages"],
        "Redis round trips": counted["redis_reads"],
        "Redis commands": counted["redis_commands"],
    }
