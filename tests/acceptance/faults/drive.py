"""Drives the program through a schedule, and has the invariants checked."""

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from random import Random

from tests.acceptance.faults.bed import Ground, wait_for
from tests.acceptance.faults.books import BOOKS
from tests.acceptance.faults.invariants import Observed, observe
from tests.acceptance.faults.journal import Journal, Step
from tests.acceptance.faults.kinds import Fault
from tests.acceptance.faults.monitor import watched
from tests.acceptance.faults.scene import Scene
from tests.acceptance.faults.schedule import PlannedStep
from tests.acceptance.faults.stall import STALL_S, Watchdog

#: More than a look takes.
_AT_MOST_S = 30.0
_END_S = 240.0

Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Load:
    """What the program is busy with while things go wrong."""

    epics: int
    lanes: int
    latency_ms: float
    #: Of what kind they are: a name in BOOKS.
    kind: str = "stories"
    workers: int = 2
    #: No more faults from then on; the work goes on to its end.
    at_most_s: float = 3600.0
    #: See `Journal.patience`.
    patience: float = 1.0


def drive(
    bed: Ground,
    load: Load,
    steps: Sequence[PlannedStep],
    *,
    seed: int,
    say: Say,
    beside: Callable[[Scene], AbstractContextManager[None]] = lambda _: nullcontext(),
) -> Observed:
    """Start a run, let everything go wrong, wait for the end; what the invariants say then.

    Args:
        beside: what goes on meanwhile.

    Raises:
        Stalled: the program came to nothing.
    """
    scene = scene_make(bed, load, seed=seed)
    with watched(scene), beside(scene):
        for planned in steps:
            if time.monotonic() - scene.journal.begun > load.at_most_s:
                break
            _step(scene, planned, say)
        bed.provider.config(latency_ms=min(load.latency_ms, 300), jitter_ms=100)
        scene.await_ends(timeout_s=_END_S, look=Watchdog(scene).look)
    return observe(scene)


def scene_make(bed: Ground, load: Load, *, seed: int, poison: str = "") -> Scene:
    """Workers, a provider that takes its time, and a run that has begun.

    Args:
        poison: code of an epic that kills its worker each time.
    """
    bed.clear()
    bed.poison = poison
    bed.provider.config(latency_ms=load.latency_ms, jitter_ms=load.latency_ms / 6, seed=seed)
    for _ in range(load.workers):
        bed.start_worker()
    book = BOOKS[load.kind]
    project = book.project(load.epics)
    scene = Scene(
        bed=bed,
        journal=Journal(patience=load.patience),
        project=project,
        user=project.created_by,
        lanes=load.lanes,
        random=Random(seed),
        book=book,
    )
    scene.start_run()
    calls = bed.provider.calls
    wait_for(calls, "the first call", timeout_s=20)
    return scene


def go_wrong(scene: Scene, planned: PlannedStep, say: Say) -> tuple[Step, list[Fault]]:
    """Inject the faults of a step, let them hold, and lift them."""
    time.sleep(planned.after_s)
    scene.replace_the_dead()
    scene.go_on()
    scene.engaged.clear()
    say(f"{time.monotonic() - scene.journal.begun:7.1f} s  {planned}")
    faults = planned.faults()
    step = Step(kinds=planned.kinds, begun=time.monotonic())
    # Services go last and come back first: what a fault needs to know is read before.
    faults.sort(key=lambda fault: (fault.lift_first, fault.rank))
    for fault, following in zip(faults, [*faults[1:], None], strict=True):
        fault.inject(scene)
        if following and following.lift_first:
            time.sleep(fault.ahead_s)
    time.sleep(planned.hold_s)
    for fault in sorted(faults, key=lambda fault: (not fault.lift_first, fault.lift_last)):
        fault.lift(scene)
    for fault in faults:
        fault.settle(scene)
    scene.replace_the_dead()
    return step, faults


def _step(scene: Scene, planned: PlannedStep, say: Say) -> None:
    step, faults = go_wrong(scene, planned, say)
    runnable = scene.is_runnable()
    step.lifted = time.monotonic()
    patience = scene.journal.patience
    if runnable:
        step.allowed_s = patience * max(fault.allowed_s for fault in faults)
    no_pause_s = max((fault.no_pause_s or 0 for fault in faults), default=0)
    step.no_pause_s = patience * no_pause_s or None
    if runnable:
        _await_call(scene, step)
    step.ended = time.monotonic()
    scene.journal.steps.append(step)


def _await_call(scene: Scene, step: Step) -> None:
    """Do not disturb the program before it makes calls again; the checks look at when it did.

    Raises:
        Stalled: it makes none.
    """
    provider = scene.bed.provider
    watchdog = Watchdog(scene)

    def goes_on() -> bool:
        watchdog.look()
        return bool(provider.starts_since(step.lifted)) or not scene.is_runnable()

    wait_for(goes_on, "a call starts", timeout_s=STALL_S + _AT_MOST_S)
