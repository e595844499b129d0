"""What can be run on the hosts: everything goes wrong, or nothing does and the clock is read."""

import time
from collections import Counter
from contextlib import AbstractContextManager
from dataclasses import dataclass
from statistics import median

from django.conf import settings
from rich.console import Console
from rich.table import Table

from tests.acceptance.faults.drive import Load, drive
from tests.acceptance.faults.invariants import Observed
from tests.acceptance.faults.report import show
from tests.acceptance.faults.scene import Scene
from tests.acceptance.faults.schedule import schedule
from tests.acceptance.faults.stall import Stalled
from tests.acceptance.hosts.in_vain import check_visits
from tests.acceptance.hosts.kinds import KINDS
from tests.acceptance.hosts.limits import most_beyond
from tests.acceptance.hosts.long_kinds import LONG
from tests.acceptance.hosts.visits import visited
from tests.acceptance.hosts.world import REQUESTS_PER_MINUTE, World

_WORKERS, _LANES, _LATENCY_MS = 4, 20, 400
#: More than go wrong in a minute.
_FAULTS_A_MINUTE = 12
_SHORT_MINUTES = 5


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What the command line asks for."""

    seed: int
    minutes: float
    kinds: tuple[str, ...] = ()
    #: See `Journal.patience`.
    patience: float = 1.0


def mixed(world: World, asked: Asked, console: Console) -> list[str]:
    """Seeded faults while runs go on and clients come through the proxy; what did not hold."""
    steps = schedule(
        seed=asked.seed,
        faults=round(asked.minutes * _FAULTS_A_MINUTE) + 1,
        kinds=asked.kinds or tuple(KINDS | LONG if asked.minutes > _SHORT_MINUTES else KINDS),
        catalogue=KINDS | LONG,
    )
    load = Load(
        # A run lasts as long as the schedule, or two minutes: the limit says how many that is.
        epics=round(REQUESTS_PER_MINUTE * min(2, asked.minutes)),
        lanes=_LANES,
        latency_ms=_LATENCY_MS,
        workers=_WORKERS,
        at_most_s=asked.minutes * 60,
        patience=asked.patience,
    )

    def say(line: str) -> None:
        console.print(line, style="dim", markup=False, highlight=False)

    def beside(scene: Scene) -> AbstractContextManager[None]:
        return visited(world.front, scene, world.visits)

    try:
        observed = drive(world, load, steps, seed=asked.seed, say=say, beside=beside)
    except Stalled as stall:
        console.print(stall.picture)
        return [str(stall)]
    _check_limit(world, observed)
    check_visits(world.visits, observed.journal)
    show(observed, console, title=f"{asked.minutes:g} minutes, seed {asked.seed}")
    _show_returns(world, observed, console)
    return observed.violations


def _check_limit(world: World, observed: Observed) -> None:
    """I6, over all workers."""
    beyond = most_beyond(
        sorted(call.begun for calls in observed.calls.values() for call in calls),
        per_s=REQUESTS_PER_MINUTE / 60,
        burst=REQUESTS_PER_MINUTE / 60 * settings.LIMIT_BURST_S,
        excused=world.excused,
    )
    if beyond > 0:
        observed.journal.violate("I6", f"a window had {beyond:.0f} calls too many")


def _show_returns(world: World, observed: Observed, console: Console) -> None:
    table = Table(title="until work went on")
    for name in ("what", "times", "median s", "longest s"):
        table.add_column(name, justify="left" if name == "what" else "right")
    for kind, seconds in sorted(world.returns.items()):
        table.add_row(kind, str(len(seconds)), f"{median(seconds):.1f}", f"{max(seconds):.1f}")
    console.print(table)
    visits = world.visits
    failed = Counter(v.told for v in visits.failed(observed.journal.begun, time.monotonic()))
    console.print(
        f"{len(visits.made)} requests from outside, {failed.total()} in vain; "
        f"{world.front.refused()} answers of 500 and above in nginx's log."
    )
    for told, times in failed.most_common():
        console.print(f"{times} x {told}", markup=False)
