"""What can be run: mixed faults, pauses and cancels at random moments, a poisonous epic."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from django.conf import settings
from rich.console import Console

from batchgen.redis import client as redis
from providers.registry import limit_pool
from runs.closures import closure_write
from runs.models import PacingProfile, RunItem
from runs.states import Pacing
from tests.acceptance.faults.batch_kinds import BATCH_KINDS
from tests.acceptance.faults.batches import by_deadlines, faulty, show_books, show_deadlines
from tests.acceptance.faults.bed import Bed
from tests.acceptance.faults.drive import Load, drive, scene_make
from tests.acceptance.faults.invariants import LATE_S, Observed, observe
from tests.acceptance.faults.journal import Control
from tests.acceptance.faults.kinds import rule
from tests.acceptance.faults.report import show
from tests.acceptance.faults.scene import Scene
from tests.acceptance.faults.schedule import schedule
from tests.acceptance.faults.stall import Stalled, Watchdog

_POISON = "E7"
_END_S = 120.0
_REFUSALS: tuple[dict[str, Any], ...] = (
    {"type": "error", "status": 429, "retry_after_s": 0.3},
    {"type": "error", "status": 500},
)
#: Each kind of `batches` about once.
_BATCH_FAULTS = 60
_SHORT_KINDS = (
    "B1 kill -9 after-create",
    "B1 two have the turn",
    "B2 somebody else's batch",
    "B3 results: cut",
    "B5 expired",
    "B6 pause, cancel",
)
#: A lane waits 1.1 s between epics, and a refused call hardly longer.
_LANES_STALL_S = 20.0


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What the command line asks of a scenario."""

    seed: int
    faults: int
    epics: int
    minutes: float
    kinds: tuple[str, ...]
    #: What the runs of `mixed` make: a name in BOOKS.
    content: str = "stories"


def mixed(bed: Bed, asked: Asked, console: Console) -> list[str]:
    """All kinds of faults, alone and together, during a big run."""
    load = Load(
        epics=asked.epics,
        lanes=20,
        latency_ms=1200,
        at_most_s=asked.minutes * 60,
        kind=asked.content,
    )
    return _mixed(bed, asked, load, console)


def short(bed: Bed, asked: Asked, console: Console) -> list[str]:
    """A few faults during a small run: what `make acceptance` can afford."""
    load = Load(epics=200, lanes=8, latency_ms=400, at_most_s=asked.minutes * 60)
    return _mixed(bed, asked, load, console)


def messages(bed: Bed, asked: Asked, console: Console) -> list[str]:
    """F5 alone: messages copied, reordered and dropped, with the lanes' count of calls watched."""
    kinds = ("F5 messages copied", "F5 messages reordered", "F5 messages dropped")
    load = Load(epics=120, lanes=6, latency_ms=300)
    return _mixed(bed, replace(asked, faults=4, kinds=kinds), load, console)


def _mixed(bed: Bed, asked: Asked, load: Load, console: Console) -> list[str]:
    steps = schedule(seed=asked.seed, faults=asked.faults, kinds=asked.kinds)

    def say(line: str) -> None:
        console.print(line, style="dim", markup=False, highlight=False)

    try:
        observed = drive(bed, load, steps, seed=asked.seed, say=say)
    except Stalled as stall:
        console.print(stall.picture)
        return [str(stall)]
    show(observed, console, title=f"{asked.faults} faults, seed {asked.seed}")
    return observed.violations


def controls(bed: Bed, asked: Asked, console: Console) -> list[str]:
    """200 pauses and cancels at random moments, nothing else: I7 and I11, exactly."""
    load = Load(epics=2000, lanes=20, latency_ms=500)
    return _controls(bed, asked, load, console, number=200)


def short_controls(bed: Bed, asked: Asked, console: Console) -> list[str]:
    """A dozen of them."""
    load = Load(epics=150, lanes=8, latency_ms=200)
    return _controls(bed, asked, load, console, number=12)


def _controls(bed: Bed, asked: Asked, load: Load, console: Console, *, number: int) -> list[str]:
    scene = scene_make(bed, load, seed=asked.seed)
    random = Random(asked.seed)
    made: list[Control] = []
    exact = in_flight = 0
    while len(made) < number:
        time.sleep(random.uniform(0.02, 0.6))
        scene.go_on()
        action = random.choices(("pause", "cancel"), (4, 1))[0]
        before = _ended(scene)
        control = scene.control(action)
        after = _ended(scene)
        if control is None:
            continue
        scene.await_drain()
        at_rest = _ended(scene)
        in_flight += control.in_flight
        exact += at_rest - before == at_rest - after
        if not at_rest - after <= control.in_flight <= at_rest - before:
            told = f"{at_rest - after} to {at_rest - before} ended, not {control.in_flight}"
            scene.journal.violate("I7", f"{action}: {told}")
        made.append(control)
        control.until = time.monotonic()
        if action == "pause":
            scene.control("resume")
        else:
            scene.retry()
    scene.control("cancel")
    scene.await_ends(timeout_s=_END_S, look=Watchdog(scene).look)
    observed = observe(scene, complete=False)
    _tell_controls(observed, made, console, in_flight=in_flight, exact=exact)
    return observed.violations


def _ended(scene: Scene) -> int:
    """Epics that are committed as ended: counts taken round the answer enclose its moment."""
    return RunItem.objects.filter(run=scene.run, status__in=("COMPLETED", "FAILED")).count()


def _tell_controls(
    observed: Observed, made: list[Control], console: Console, *, in_flight: int, exact: int
) -> None:
    answers_ms = sorted((control.answered - control.asked) * 1000 for control in made)
    starts = sorted(call.begun for calls in observed.calls.values() for call in calls)
    late_ms = [
        (begun - control.answered) * 1000
        for control in made
        for begun in starts
        if control.answered < begun < control.until
    ]
    console.print(
        f"{len(made)} pauses and cancels, {in_flight} calls in flight by their answers, and as "
        f"many epics ended after them (in {exact} nothing ended during the request itself, so that "
        f"the number is exact; in the rest it lies within what ended meanwhile). Answers: median "
        f"{answers_ms[len(answers_ms) // 2]:.0f} ms, longest {answers_ms[-1]:.0f} ms with six "
        f"equal requests at once. {len(late_ms)} of those calls began after the answer, the last "
        f"{max(late_ms, default=0):.0f} ms after it ({LATE_S * 1000:.0f} ms are allowed)."
    )
    _tell_violations(observed, console)


def _tell_violations(observed: Observed, console: Console) -> None:
    for violation in observed.violations:
        console.print(f"VIOLATED {violation}", style="red", markup=False)


def lanes(bed: Bed, asked: Asked, console: Console) -> list[str]:
    """200 raises and lowers of a run's lanes under load: every run ends, in few lanes at last."""
    return _lanes(bed, asked, console, rounds=20)


def short_lanes(bed: Bed, asked: Asked, console: Console) -> list[str]:
    """Two of its rounds."""
    return _lanes(bed, asked, console, rounds=2)


def _lanes(bed: Bed, asked: Asked, console: Console, *, rounds: int) -> list[str]:
    # Longer than a lane waits in its worker: it is parked.
    PacingProfile.objects.filter(name=Pacing.SAFE).update(delay_ms=1100, retry_wait_ms=300)
    scene = scene_make(bed, Load(epics=12, lanes=8, latency_ms=100), seed=asked.seed)
    random = Random(asked.seed)
    try:
        for number in range(rounds):
            _lanes_round(scene, random, Pacing.SAFE if number % 2 else Pacing.ADAPTIVE)
    except Stalled as stall:
        console.print(stall.picture)
        return [str(stall)]
    observed = observe(scene)
    console.print(f"{len(scene.journal.limits)} changes of lanes, {len(observed.runs)} runs ended.")
    _tell_violations(observed, console)
    return observed.violations


def _lanes_round(scene: Scene, random: Random, pacing: Pacing) -> None:
    """Ten changes while messages get lost and calls are refused; the last one leaves few lanes."""
    if scene.is_over():
        scene.start_run(pacing)
    provider = scene.bed.provider
    provider.faults([rule(random.choice(_REFUSALS), 0.2)])
    for change in range(10):
        scene.change_lanes(random.randint(1, scene.lanes if change < 9 else 2))
        time.sleep(random.uniform(0, 0.15))
        if random.random() < 0.1:
            redis.client().flushall()
    provider.faults([])
    scene.await_ends(timeout_s=_END_S, look=Watchdog(scene, most_s=_LANES_STALL_S).look)


def stall(bed: Bed, asked: Asked, console: Console) -> list[str]:
    """Nothing goes on, on purpose: the run is ended, and what is shown tells why."""
    scene = scene_make(bed, Load(epics=40, lanes=4, latency_ms=200), seed=asked.seed)
    closure_write(limit_pool(settings.MODEL), seconds=600, reason="SHUT_BY_THE_SUITE")
    redis.client().flushall()
    try:
        scene.await_ends(timeout_s=_END_S, look=Watchdog(scene, most_s=3).look)
    except Stalled as stalled:
        with console.capture() as shown:
            console.print(stalled.picture)
        told = shown.get()
    else:
        return ["the run went on"]
    expected = ("SHUT_BY_THE_SUITE", "gate-clo", "parked", "@faults", "closures in PostgreSQL")
    violations = [f"not shown: {words}" for words in expected if words not in told]
    if violations:
        console.print(told, "\n".join(violations), markup=False)
    return violations


def poison(bed: Bed, asked: Asked, console: Console) -> list[str]:
    """F9: one epic kills its worker each time; it is given up after three, and only it."""
    load = Load(epics=40, lanes=8, latency_ms=250, workers=1)
    scene = scene_make(bed, load, seed=asked.seed, poison=_POISON)
    scene.await_ends(timeout_s=_END_S, look=Watchdog(scene).look)
    observed = observe(scene)
    _check_poison(scene, observed)
    deaths = len(observed.journal.losses)
    failed = [epic.code for epic in observed.epics if epic.status == "FAILED"]
    console.print(f"{_POISON} killed {deaths} workers. Failed: {', '.join(failed)}.")
    _tell_violations(observed, console)
    return observed.violations


def _check_poison(scene: Scene, observed: Observed) -> None:
    failed = {epic.code: epic for epic in observed.epics if epic.status == "FAILED"}
    if set(failed) != {_POISON}:
        scene.journal.violate("F9", f"failed: {sorted(failed)}, poisonous is {_POISON} alone")
    elif (failed[_POISON].error_code, failed[_POISON].crashes) != ("POISON", 3):
        scene.journal.violate("F9", f"{failed[_POISON].error_code}, {failed[_POISON].crashes}")
    if len(observed.journal.losses) != 3:
        scene.journal.violate("F9", f"{len(observed.journal.losses)} workers died of it")


def batches(bed: Bed, asked: Asked, console: Console) -> list[str]:
    """Runs by the provider's batches, one by a deadline: mixed faults, and the books."""
    faults = min(asked.faults, _BATCH_FAULTS)
    return _batches(bed, replace(asked, faults=faults), console, items=120)


def short_batches(bed: Bed, asked: Asked, console: Console) -> list[str]:
    """A few of them, of each group."""
    chosen = replace(asked, faults=len(_SHORT_KINDS), kinds=_SHORT_KINDS)
    return _batches(bed, chosen, console, items=24)


def _batches(bed: Bed, asked: Asked, console: Console, *, items: int) -> list[str]:
    kinds = asked.kinds or tuple(BATCH_KINDS)
    steps = schedule(seed=asked.seed, faults=asked.faults, kinds=kinds)

    def say(line: str) -> None:
        console.print(line, style="dim", markup=False, highlight=False)

    scenes, books = faulty(
        bed, steps, seed=asked.seed, items=items, most_s=asked.minutes * 60, say=say
    )
    show_books(scenes, books, console, title=f"batches, seed {asked.seed}")
    return scenes[0].journal.violations


def cheapest(bed: Bed, asked: Asked, console: Console) -> list[str]:
    """20 runs with random deadlines under batches that never end: all end before them."""
    ended, violations = by_deadlines(bed, seed=asked.seed, runs=20)
    show_deadlines(ended, violations, console)
    return violations


Scenario = Callable[[Bed, Asked, Console], list[str]]

SCENARIOS: dict[str, Scenario] = {
    "mixed": mixed,
    "controls": controls,
    "poison": poison,
    "short": short,
    "short-controls": short_controls,
    "messages": messages,
    "lanes": lanes,
    "short-lanes": short_lanes,
    "stall": stall,
    "batches": batches,
    "short-batches": short_batches,
    "cheapest": cheapest,
}
