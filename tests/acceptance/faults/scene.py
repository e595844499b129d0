"""The program under test, for the faults: its runs, its workers, and what is noted of them."""

import signal
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any, TypeVar

from django.contrib.auth.models import User
from django.db import DatabaseError, close_old_connections, connection

from batchgen.errors import InvalidTransition, ValidationFailed, VersionConflict
from epics.models import Project
from runs.engine.controls import run_change, run_control, run_retry
from runs.engine.start import RunOptions, run_start
from runs.engine.transitions import Transition
from runs.models import Lane, Run, RunItem
from runs.states import LaneState, Pacing, RunStatus
from tests.acceptance.faults.bed import LEASE_S, Bed, Ground, NotInTime, WorkerProcess, wait_for
from tests.acceptance.faults.books import Book
from tests.acceptance.faults.journal import Control, Journal, Limit, Loss

#: Equal control requests that are made at the same moment (I11).
_EQUAL_REQUESTS = 6
_DRAIN_S = 40
Result = TypeVar("Result")


@dataclass(kw_only=True)
class Scene:
    """One schedule's world."""

    bed: Ground
    journal: Journal
    project: Project
    user: User
    lanes: int
    random: Random
    book: Book
    #: More options of each run.
    chosen: Callable[[], dict[str, Any]] = dict
    runs: list[Run] = field(default_factory=list)
    #: Workers that a fault of the present step has to itself.
    engaged: set[str] = field(default_factory=set)

    @property
    def run(self) -> Run:
        """The run under way."""
        return self.runs[-1]

    def patiently(self, action: Callable[[], Result]) -> Result:
        """Do it, over and over while the database is away."""
        results: list[Result] = []

        def is_done() -> bool:
            results.append(action())
            return True

        wait_for(is_done, "the database answers", timeout_s=30)
        return results[0]

    def start_run(self, pacing: Pacing = Pacing.ADAPTIVE) -> None:
        """A run over all targets; where there was one before, it makes everything anew."""
        options = RunOptions(
            type=self.book.run_type,
            options=self.book.options,
            pacing_profile=pacing,
            max_concurrency=self.lanes,
            **self.chosen(),
        )
        self._begin(lambda: run_start(project=self.project, user=self.user, options=options))

    def _begin(self, start: Callable[[], Run]) -> None:
        asked = time.monotonic()
        self.runs.append(start())
        self.journal.runs_begun.append(asked)

    def go_on(self) -> None:
        """Make sure that there is a run that is not over."""
        self.run.refresh_from_db()
        if self.run.completed_at is not None:
            self.start_run()

    def is_runnable(self) -> bool:
        """Whether epics wait in a run that is under way."""
        return self.patiently(
            lambda: RunItem.objects.filter(
                run__in=self.runs,
                run__status__in=(RunStatus.QUEUED, RunStatus.RUNNING),
                status="PENDING",
            ).exists()
        )

    # Workers.

    def pick(self) -> WorkerProcess | None:
        """A worker that runs and that no other fault of this step has."""
        free = [
            worker
            for name, worker in sorted(self.bed.workers.items())
            if name not in self.engaged and worker.is_alive()
        ]
        if not free:
            return None
        worker = self.random.choice(free)
        self.engaged.add(worker.name)
        return worker

    def held(self, worker: WorkerProcess) -> int:
        """Lanes that the database says the worker runs: the calls that it had begun, or was to."""
        return self.patiently(
            lambda: Lane.objects.filter(worker=worker.id, state=LaneState.RUNNING).count()
        )

    def note_death(self, worker: WorkerProcess) -> None:
        """Write down what a dead worker held. Call it before anybody can have taken it back."""
        self.bed.workers.pop(worker.name, None)
        held = self.held(worker)
        self.journal.losses.append(Loss(worker=worker.name, at=time.monotonic(), held=held))

    def kill(self, worker: WorkerProcess) -> None:
        """kill -9."""
        worker.process.end(signal.SIGKILL)
        self.note_death(worker)

    def restart(self, worker: WorkerProcess, *, same_name: bool) -> None:
        """Start another one in its place."""
        name = worker.name if same_name else ""
        self.bed.start_worker(name, clock_step_s=worker.clock_step_s)

    def replace_the_dead(self) -> None:
        """Start those again that died without being told to, which only a poison may do."""
        for worker in list(self.bed.workers.values()):
            if not worker.is_alive():
                if not self.bed.poison:
                    code = worker.process.code()
                    self.journal.violate("worker", f"{worker.name} ended by itself with {code}")
                self.note_death(worker)
                self.restart(worker, same_name=True)

    # Controls.

    def control(self, action: str, *, cancel_batches: bool = False) -> Control | None:
        """Ask for it several times at once; None when the run was over already."""
        run = self.run
        asked = time.monotonic()

        def ask() -> Transition:
            return run_control(
                run=run, action=action, user=self.user, cancel_batches=cancel_batches
            )

        answers = _at_once([ask] * _EQUAL_REQUESTS)
        moves = [answer for answer, _ in answers if isinstance(answer, Transition)]
        others = [a for a, _ in answers if not isinstance(a, Transition | InvalidTransition)]
        if others:
            self.journal.violate("I11", f"{action} failed: {others[0]!r}")
        if not moves:
            return None
        if len(moves) > 1:
            self.journal.violate("I11", f"{len(moves)} of {_EQUAL_REQUESTS} equal {action}s won")
        answered = next(at for answer, at in answers if isinstance(answer, Transition))
        made = Control(
            run_id=run.id,
            action=action,
            asked=asked,
            answered=answered,
            in_flight=moves[0].in_flight,
        )
        if action != "resume":
            self.journal.controls.append(made)
        return made

    def change_lanes(self, limit: int) -> None:
        """Change the run's number of lanes, as often as others change the run meanwhile; nothing
        where it is over."""
        asked = time.monotonic()
        wait_for(lambda: self._change_lanes(limit), "the run is changed", timeout_s=30)
        self.journal.limits.append(Limit(run_id=self.run.id, at=asked, lanes=limit))

    def _change_lanes(self, limit: int) -> bool:
        self.run.refresh_from_db()
        with suppress(InvalidTransition):  # it is over
            try:
                run_change(
                    run=self.run,
                    user=self.user,
                    version=self.run.version,
                    priority=None,
                    max_concurrency=limit,
                )
            except VersionConflict:
                return False
        return True

    def await_drain(self) -> None:
        """Wait until no lane of the run is at work."""
        lanes = Lane.objects.filter(run=self.run).exclude(state=LaneState.IDLE)
        wait_for(lambda: not lanes.exists(), "a halted run is at rest", timeout_s=_DRAIN_S)

    def retry(self) -> None:
        """Go on with what a cancelled run left."""
        wait_for(self.is_over, "a cancelled run has ended", timeout_s=_DRAIN_S)
        try:
            self._begin(lambda: run_retry(run=self.run, user=self.user, include_pending=True))
        except ValidationFailed:
            self.start_run()

    def is_over(self) -> bool:
        """Whether the run has ended."""
        self.run.refresh_from_db()
        return self.run.completed_at is not None

    def await_ends(self, *, timeout_s: float, look: Callable[[], None]) -> None:
        """Wait until every run is over, and note those that are not (I1).

        Args:
            look: called meanwhile.
        """

        def ended() -> bool:
            self.replace_the_dead()
            look()
            return not Run.objects.filter(id__in=ids, completed_at__isnull=True).exists()

        ids = [run.id for run in self.runs]
        try:
            wait_for(ended, "all runs have ended", timeout_s=timeout_s)
        except NotInTime as late:
            self.journal.violate("I1", str(late))

    def await_reclaim(self, *, since: float, same_name: bool) -> None:
        """Wait until no lane belongs to a dead worker, and note it when that takes too long."""
        living = [worker.id for worker in self.bed.workers.values()]
        left = Lane.objects.filter(state=LaneState.RUNNING).exclude(worker__in=living)
        allowed_s = self.journal.patience * (2.5 + (0 if same_name else LEASE_S))
        try:
            remaining_s = max(0.0, since + allowed_s - time.monotonic())
            wait_for(lambda: not left.exists(), "dead workers' lanes", timeout_s=remaining_s)
        except NotInTime:
            self.journal.violate("I8", f"{left.count()} lanes of dead workers after {allowed_s} s")


def bed_of(scene: Scene) -> Bed:
    """The bed of a scene that plays on one machine."""
    assert isinstance(scene.bed, Bed)
    return scene.bed


def _at_once(actions: Sequence[Callable[[], object]]) -> list[tuple[object, float]]:
    barrier = threading.Barrier(len(actions))
    results: list[tuple[object, float]] = []

    def runner(action: Callable[[], object]) -> None:
        barrier.wait(10)
        try:
            result = action()
        except (InvalidTransition, DatabaseError) as error:
            result = error
        results.append((result, time.monotonic()))
        connection.close()

    threads = [threading.Thread(target=runner, args=(action,)) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    close_old_connections()
    return results
