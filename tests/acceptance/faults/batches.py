"""Runs by the provider's batches while everything goes wrong, and the books afterwards."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Any

from rich.console import Console
from rich.table import Table

from batchgen.db.clock import database_now
from runs.engine.start import RunOptions, run_start
from runs.models import ProviderCall, Run, RunItem
from runs.states import MoneyLane, Pacing, RunStatus
from tests.acceptance.faults.batch_books import Books, books_checked
from tests.acceptance.faults.batch_kinds import DAY_S, unpause
from tests.acceptance.faults.bed import Bed, NotInTime, wait_for
from tests.acceptance.faults.books import BOOKS
from tests.acceptance.faults.drive import Say, go_wrong
from tests.acceptance.faults.journal import Journal
from tests.acceptance.faults.scene import Scene
from tests.acceptance.faults.schedule import PlannedStep

#: Batches end so soon, about: nobody waits for an hour.
_CONFIG = {"batch_ends_after_s": 1.5, "batch_deviation_s": 1, "batch_cancel_s": 0.5}
_END_S = 180.0
#: Of a run of the lane cheapest, at random.
_DEADLINE_S = (20.0, 600.0)
#: Codes of items that fail as the provider's lines say.
_RIGHTLY = {"REQUEST_REJECTED", "REFUSED", "PROVIDER_OVERLOADED", "PROVIDER_UNREADABLE"}
_RIGHTLY |= {"OUTPUT_TRUNCATED", "UNUSABLE_ANSWER", "POISON", "BATCH_LOST", "BATCH_EXPIRED"}


def faulty(
    bed: Bed, steps: Sequence[PlannedStep], *, seed: int, items: int, most_s: float, say: Say
) -> tuple[list[Scene], Books]:
    """Two projects' runs, one by batches and one by a deadline, through a schedule; then once more
    without faults, and the books."""
    bed.clear()
    bed.provider.config(**_CONFIG, batch_in_flight=3, latency_ms=150, jitter_ms=50, seed=seed)
    for _ in range(2):
        bed.start_worker()
    random, journal = Random(seed), Journal()
    scenes = [
        _scene(bed, journal, random, lane=lane, items=items)
        for lane in (MoneyLane.BATCH, MoneyLane.CHEAPEST)
    ]
    for planned in steps:
        if time.monotonic() - journal.begun > most_s:
            break
        _go_on(scenes)
        step, _ = go_wrong(random.choice(scenes), planned, say)
        step.ended = time.monotonic()
        journal.steps.append(step)
    _ends(scenes)
    for scene in scenes:
        scene.start_run()
    _ends(scenes)
    _check_last(scenes)
    return scenes, books_checked(scenes)


def _scene(bed: Bed, journal: Journal, random: Random, *, lane: MoneyLane, items: int) -> Scene:
    book = BOOKS["stories"]
    project = book.project(items)

    def chosen() -> dict[str, Any]:
        if lane is not MoneyLane.CHEAPEST:
            return {"lane": lane}
        by = timedelta(seconds=random.uniform(*_DEADLINE_S))
        return {"lane": lane, "deadline": database_now() + by}

    scene = Scene(
        bed=bed,
        journal=journal,
        project=project,
        user=project.created_by,
        lanes=6,
        random=random,
        book=book,
        chosen=chosen,
    )
    scene.start_run()
    return scene


def _go_on(scenes: Sequence[Scene]) -> None:
    """Have each scene's run go on, whatever an earlier fault's late consequence paused it for."""
    for scene in scenes:
        scene.engaged.clear()
        scene.patiently(scene.go_on)
        unpause(scene)


def _ends(scenes: Sequence[Scene]) -> None:
    """Wait until all runs have ended. What a fault left without an end, a day ends."""
    scenes[0].bed.provider.faults([])
    looked = time.monotonic()

    def ended() -> bool:
        nonlocal looked
        if time.monotonic() - looked > 40:
            looked = time.monotonic()
            scenes[0].bed.provider.advance(DAY_S)
        scenes[0].replace_the_dead()
        over = [scene.is_over() for scene in scenes]
        for scene in scenes:
            unpause(scene)
        return all(over)

    try:
        wait_for(ended, "all runs have ended", timeout_s=_END_S)
    except NotInTime as late:
        scenes[0].journal.violate("I1", str(late))


def _check_last(scenes: Sequence[Scene]) -> None:
    """The runs without faults made everything; in those before nothing failed without a reason."""
    journal = scenes[0].journal
    for scene in scenes:
        if scene.run.status != RunStatus.SUCCEEDED:
            journal.violate("I1", f"without faults, run {scene.run.id} is {scene.run.status}")
        failed = RunItem.objects.filter(run__in=scene.runs, status="FAILED")
        for item in failed.exclude(error_code__in=_RIGHTLY):
            journal.violate("I1", f"{item.code} failed with {item.error_code}: {item.error}")


def show_books(scenes: Sequence[Scene], books: Books, console: Console, *, title: str) -> None:
    """Print what was injected, and what came of it."""
    journal = scenes[0].journal
    table = Table(title=title)
    table.add_column("fault")
    table.add_column("times", justify="right")
    table.add_column("no occasion", justify="right")
    for kind, times in sorted(journal.times().items()):
        table.add_row(kind, str(times), str(journal.unmet.count(kind) or ""))
    console.print(table)
    money, told = books.money, _told
    console.print(
        f"{sum(journal.times().values())} faults in {time.monotonic() - journal.begun:.0f} s. "
        f"{books.runs} runs: {told(books.items)}; failed with {told(books.codes)}. Slices: "
        f"{told(books.slices)}; the provider has {books.batches} batches of ours and "
        f"{books.foreign} of others. Bill {money.bill}, booked {money.billed}, possibly "
        f"{money.possibly}; reconciled {money.reconciled} micro-dollars."
    )
    for violation in journal.violations:
        console.print(f"VIOLATED {violation}", style="red", markup=False)


def _told(counts: dict[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in sorted(counts.items())) or "nothing"


@dataclass(frozen=True, kw_only=True, slots=True)
class ByDeadline:
    """A run of the lane cheapest, and what came of it."""

    run: Run
    items: int
    spare_s: float
    #: Its items that a batch answered, and those that a batch answered for nothing.
    used: int
    wasted: int


def by_deadlines(bed: Bed, *, seed: int, runs: int) -> tuple[list[ByDeadline], list[str]]:
    """So many runs of the lane cheapest at once, with random deadlines, items and lanes, under
    batches that never end by themselves."""
    random = Random(seed)
    bed.clear()
    bed.provider.config(
        latency_ms=random.uniform(100, 400), batch_cancel_s=random.uniform(0.2, 1.5), seed=seed
    )
    bed.provider.faults([_never_ends(0.5, 0.0), _never_ends(0.5, 0.5), _never_ends(1.0, 0.9)])
    for _ in range(2):
        bed.start_worker()
    started = [_with_deadline(random) for _ in range(runs)]
    ids = [run.id for run in started]
    most_s = max((run.deadline - database_now()).total_seconds() for run in started if run.deadline)
    open_runs = Run.objects.filter(id__in=ids, completed_at__isnull=True)
    violations = []
    try:
        wait_for(lambda: not open_runs.exists(), "all have ended", timeout_s=most_s + 30)
    except NotInTime as late:
        violations.append(str(late))
    billed = {line["custom_id"] for line in bed.provider.billed() if line["custom_id"]}
    ended = [_ended(run, billed) for run in Run.objects.filter(id__in=ids)]
    return ended, violations + [told for each in ended for told in _late(each)]


def _never_ends(probability: float, done: float) -> dict[str, Any]:
    action = {"type": "batch", "never_ends": True, "done": done}
    match = {"endpoint": "batches.create", "probability": probability}
    return {"match": match, "times": None, "action": action}


def _with_deadline(random: Random) -> Run:
    project = BOOKS["stories"].project(random.randint(3, 24))
    by = timedelta(seconds=random.uniform(75, 130))
    options = RunOptions(
        pacing_profile=Pacing.ADAPTIVE,
        max_concurrency=random.randint(2, 8),
        lane=MoneyLane.CHEAPEST,
        deadline=database_now() + by,
    )
    return run_start(project=project, user=project.created_by, options=options)


def _ended(run: Run, billed: set[str]) -> ByDeadline:
    batched = ProviderCall.objects.filter(item__run=run, lane="batch")
    asked_alone = set(
        ProviderCall.objects.filter(item__run=run, lane="realtime", purpose="generate")
        .exclude(outcome="NOT_MADE")
        .values_list("item", flat=True)
    )
    paid = [item for call, item in batched.values_list("id", "item") if call.hex in billed]
    spare = (
        (run.deadline - run.completed_at) if run.deadline and run.completed_at else timedelta(-1)
    )
    return ByDeadline(
        run=run,
        items=run.total_items,
        spare_s=spare.total_seconds(),
        used=sum(item not in asked_alone for item in paid),
        wasted=sum(item in asked_alone for item in paid),
    )


def _late(ended: ByDeadline) -> list[str]:
    run, told = ended.run, []
    if ended.spare_s <= 0:
        told.append(f"run {run.id} ended {-ended.spare_s:.1f} s after its deadline")
    if run.status != RunStatus.SUCCEEDED:
        told.append(f"run {run.id} is {run.status}")
    if ended.wasted:
        told.append(f"run {run.id}: {ended.wasted} answers of batches were not used")
    return told


def show_deadlines(ended: Sequence[ByDeadline], violations: list[str], console: Console) -> None:
    """One paragraph of figures."""
    spare = sorted(each.spare_s for each in ended)
    console.print(
        f"{sum(each.spare_s > 0 for each in ended)} of {len(ended)} runs ended before their "
        f"deadline, the closest {spare[0]:.1f} s before it. {sum(each.items for each in ended)} "
        f"items; {sum(each.used for each in ended)} were answered by batches that were cancelled, "
        f"and used; {sum(each.wasted for each in ended)} such answers were not."
    )
    for violation in violations:
        console.print(f"VIOLATED {violation}", style="red", markup=False)
