"""Start a run and watch it, from this process."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from django.db.models import F, Sum

from benchmarks.backlogs import project_create
from benchmarks.processes import Tree, cpu_by_name
from epics.models import Project
from runs.engine.start import RunOptions, run_start
from runs.models import Lane, Run, RunItem
from runs.states import Pacing, RunStatus

_POLL_S = 0.05
_STANDSTILL_S = 60


class DidNotFinish(RuntimeError):
    """The work stood still, or did not end as it should; the figures would mean nothing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """What happened between the end of the warm-up and the end of the work."""

    epics: int
    seconds: float
    #: CPU seconds by process.
    cpu_s: Mapping[str, float]

    @property
    def epics_per_s(self) -> float:
        """The rate over the window."""
        return self.epics / self.seconds

    def cpu_ms(self, *names: str) -> float:
        """CPU milliseconds per epic: of the named processes, or of all."""
        return sum(self.cpu_s[name] for name in names or self.cpu_s) * 1000 / self.epics


def window(
    done: Callable[[], int], *, warm_up: int, total: int, trees: Mapping[str, Tree]
) -> Window:
    """Measure from the first look at which `warm_up` epics are done until `total` are.

    Raises:
        DidNotFinish: nothing was done for a minute.
    """
    first = await_count(done, warm_up)
    began_s, began_cpu = time.perf_counter(), cpu_by_name(trees)
    last = await_count(done, total)
    seconds, ended_cpu = time.perf_counter() - began_s, cpu_by_name(trees)
    return Window(
        epics=last - first,
        seconds=seconds,
        cpu_s={name: ended_cpu[name] - began_cpu[name] for name in trees},
    )


def await_count(done: Callable[[], int], at_least: int, *, poll_s: float = _POLL_S) -> int:
    """Wait until `done` says at least so many; raises DidNotFinish after a minute's standstill."""
    seen, moved_s = -1, time.monotonic()
    while (now := done()) < at_least:
        if now != seen:
            seen, moved_s = now, time.monotonic()
        elif time.monotonic() - moved_s > _STANDSTILL_S:
            raise DidNotFinish(f"{now} of {at_least} epics are done, and no more for a minute.")
        time.sleep(poll_s)
    return now


def run_to_end(*, epics: int, lanes: int) -> Run:
    """A whole run over a new project, that had to succeed."""
    run = start(project_create(epics=epics), lanes=lanes)
    await_done(run, epics)
    return finished(run)


def await_done(run: Run, epics: int, *, poll_s: float = _POLL_S) -> None:
    """Wait until so many of the run's epics are final. Each look costs a few milliseconds of CPU.

    Raises:
        DidNotFinish: nothing was done for a minute.
    """
    await_count(lambda: done(run), epics, poll_s=poll_s)


def start(project: Project, *, lanes: int | None, budget_micro_usd: int | None = None) -> Run:
    """A run over all epics of the project, paced by nothing but the provider; without a number
    the engine finds that of the lanes."""
    options = RunOptions(
        pacing_profile=Pacing.ADAPTIVE, max_concurrency=lanes, budget_micro_usd=budget_micro_usd
    )
    return run_start(project=project, user=None, options=options)


def done(run: Run) -> int:
    """Epics of the run that are final."""
    sums = Lane.objects.filter(run=run).aggregate(
        done=Sum(F("completed") + F("failed") + F("skipped"))
    )
    return sums["done"] or 0


def finished(run: Run) -> Run:
    """The run, as it ended.

    Raises:
        DidNotFinish: it did not end with stories for every epic.
    """
    deadline = time.monotonic() + 10
    while run.completed_at is None and time.monotonic() < deadline:
        time.sleep(_POLL_S)
        run.refresh_from_db()
    if run.status != RunStatus.SUCCEEDED:
        errors = RunItem.objects.filter(run=run).exclude(error="").values_list("error", flat=True)
        raise DidNotFinish(f"The run ended {run.status}. {next(iter(errors), '')}")
    return run
