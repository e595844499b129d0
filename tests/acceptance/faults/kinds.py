"""The kinds of faults: what each does to the program, and how it is taken back.

A fault is injected, holds for a while, and is lifted. Several of different targets may go on at
the same time.
"""

import signal
import threading
import time
from random import Random
from typing import Any, ClassVar

from django.db import DatabaseError, close_old_connections, connection

from batchgen.redis import client as redis
from runs.engine.reconciler import reconcile
from runs.engine.transitions import run_dispatch
from tests.acceptance.faults.bed import LEASE_S, NotInTime, WorkerProcess, wait_for
from tests.acceptance.faults.journal import Control, Freeze
from tests.acceptance.faults.scene import Scene, bed_of
from tests.acceptance.faults.worker import COPIED, DROPPED, LATE, POINTS

#: A worker that does not come to its crash point by itself is killed where it is.
_REACH_S = 3.5
_CLOCK_STEPS_S = (-3600.0, 3600.0)
#: Kinds that are drawn together on purpose.
CLOCK, REFUSED = "F9 clock an hour off", "F6 429"


class Fault:
    """One fault. `target` is what it needs for itself; a step has at most one of each target."""

    target: ClassVar[str]
    #: Seconds between injection and lift, at least and at most.
    hold_s: ClassVar[tuple[float, float]] = (0.0, 0.3)
    #: Seconds within which a call starts again once all is over.
    allowed_s: float = 2.0
    #: Services come back before workers are restarted.
    lift_first: ClassVar[bool] = False
    #: What lifts it waits for a run to end, which takes workers.
    lift_last: ClassVar[bool] = False
    #: Those with a lower one are injected before: a worker gets its wrong clock, the provider
    #: refuses its calls, and then Redis forgets that.
    rank: ClassVar[int] = 1
    #: Seconds until a service goes in the same step: what this one does needs so long.
    ahead_s: ClassVar[float] = 0.0
    #: Not at the same time as any other.
    alone: ClassVar[bool] = False
    #: Longest pause in service while it lasts; None where a pause is what it is about.
    no_pause_s: ClassVar[float | None] = None

    def __init__(self, random: Random) -> None:
        self.random = random

    def inject(self, scene: Scene) -> None:
        """Begin."""

    def lift(self, scene: Scene) -> None:
        """End, so that the program may recover."""

    def settle(self, scene: Scene) -> None:
        """See it recover, when all faults of the step are over."""


class CrashAt(Fault):
    """F1: kill -9 at one point of an epic's way, then a new worker of the same or another name."""

    target = "worker"
    point: ClassVar[str]

    def __init__(self, random: Random) -> None:
        super().__init__(random)
        self._same_name = random.random() < 0.5
        self._worker: WorkerProcess | None = None

    def inject(self, scene: Scene) -> None:
        self._worker = scene.pick()
        if self._worker is None:
            return
        if self.point.endswith(("next-call", "stored-response")):
            # A second call of the same attempt needs a first answer that cannot be used.
            scene.bed.provider.faults([rule({"type": "schema_miss"}, 0.9)])
        bed_of(scene).arm(self._worker, self.point)

    def lift(self, scene: Scene) -> None:
        worker = self._worker
        if worker is None:
            return
        try:
            wait_for(lambda: not worker.is_alive(), "it died", timeout_s=_REACH_S)
            scene.note_death(worker)
        except NotInTime:
            scene.kill(worker)
        bed_of(scene).disarm(worker.name)
        died = time.monotonic()
        if self.point.endswith(("next-call", "stored-response")):
            scene.bed.provider.faults([])
        scene.restart(worker, same_name=self._same_name)
        if self._same_name:
            died = time.monotonic()
        scene.await_reclaim(since=died, same_name=self._same_name)


class KillAnyTime(CrashAt):
    """F1: kill -9 at a random time."""

    hold_s = (0.0, 1.0)

    def inject(self, scene: Scene) -> None:
        self._worker = scene.pick()

    def lift(self, scene: Scene) -> None:
        if self._worker is not None:
            scene.kill(self._worker)
            died = time.monotonic()
            scene.restart(self._worker, same_name=self._same_name)
            if self._same_name:
                died = time.monotonic()
            scene.await_reclaim(since=died, same_name=self._same_name)


class FreezeWorker(Fault):
    """F2: SIGSTOP for longer than the lease, then SIGCONT: the worker comes back as a zombie."""

    target = "worker"
    hold_s = (LEASE_S + 1.0, LEASE_S + 1.5)

    def inject(self, scene: Scene) -> None:
        self._worker = scene.pick()
        if self._worker is not None:
            self._worker.process.send(signal.SIGSTOP)
            at = time.monotonic()
            self._freeze = Freeze(at=at, held=scene.held(self._worker))
            scene.journal.freezes.append(self._freeze)

    def lift(self, scene: Scene) -> None:
        if self._worker is not None:
            self._worker.process.send(signal.SIGCONT)
            self._freeze.thawed = time.monotonic()


class RedisKilled(Fault):
    """F3: kill -9; what its file holds is there again."""

    target = "broker"
    hold_s = (0.2, 3.0)
    allowed_s = 5.0
    lift_first = True

    def inject(self, scene: Scene) -> None:
        bed_of(scene).redis.end(signal.SIGKILL)

    def lift(self, scene: Scene) -> None:
        bed_of(scene).redis.start_again()


class RedisLost(RedisKilled):
    """F3: kill -9, and everything in it is gone."""

    def lift(self, scene: Scene) -> None:
        bed_of(scene).forget_redis()
        super().lift(scene)


class RedisFrozen(Fault):
    """F3: it takes connections and says nothing."""

    target = "broker"
    hold_s = (1.0, 4.0)
    allowed_s = 5.0
    lift_first = True

    def inject(self, scene: Scene) -> None:
        bed_of(scene).redis.send(signal.SIGSTOP)

    def lift(self, scene: Scene) -> None:
        bed_of(scene).redis.send(signal.SIGCONT)


class RedisFlushed(Fault):
    """F3: FLUSHALL."""

    target = "broker"
    allowed_s = 5.0
    lift_first = True

    def inject(self, scene: Scene) -> None:
        redis.client().flushall()


class RedisFull(Fault):
    """F3: no memory left: it refuses writes, with what it holds in place."""

    target = "broker"
    hold_s = (0.5, 3.0)
    allowed_s = 5.0
    lift_first = True

    def inject(self, scene: Scene) -> None:
        redis.client().config_set("maxmemory", "100kb")

    def lift(self, scene: Scene) -> None:
        redis.client().config_set("maxmemory", "0")


class PostgresRestarted(Fault):
    """F4: immediate stop, no goodbye to anybody, and a start with recovery."""

    target = "truth"
    hold_s = (0.0, 0.5)
    allowed_s = 5.0
    lift_first = True

    def inject(self, scene: Scene) -> None:
        bed_of(scene).postgres.end(signal.SIGQUIT)

    def lift(self, scene: Scene) -> None:
        bed_of(scene).postgres.start_again()
        # This process's own connections were lost too, and their pool would wait for seconds.
        scene.bed.close_connections()
        scene.patiently(connection.ensure_connection)
        scene.is_runnable()


class PostgresAway(PostgresRestarted):
    """F4: away for longer than a lease, so that no worker can renew its own."""

    hold_s = (LEASE_S + 0.5, LEASE_S + 1.0)


class BackendsTerminated(Fault):
    """F4: every connection but this one is ended by the server."""

    target = "truth"
    allowed_s = 5.0

    def inject(self, scene: Scene) -> None:
        close_old_connections()
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
            )


class Messages(Fault):
    """F5: workers' messages come several times, late and out of order, or not at all."""

    target = "broker"
    hold_s = (0.8, 2.0)
    how: ClassVar[str]

    def inject(self, scene: Scene) -> None:
        self._begun = time.monotonic()
        self._order = bed_of(scene).armed / self.how
        self._order.touch()

    def lift(self, scene: Scene) -> None:
        self._order.unlink()
        scene.journal.copied.append((self._begun, time.monotonic()))


class MessagesCopied(Messages):
    """F5: every message three times at once, and a fourth time later."""

    how = COPIED


class MessagesReordered(Messages):
    """F5: every message after a while of its own."""

    how = LATE


class MessagesDropped(Messages):
    """F5: every second message is lost."""

    allowed_s = 5.0
    how = DROPPED


class ProviderFails(Fault):
    """F6: a part of the provider's answers goes wrong."""

    target = "provider"
    rank = 0
    ahead_s = 0.7
    hold_s = (0.8, 2.0)
    #: A lane that was told to wait does; a call that hangs takes its time-out.
    allowed_s = 12.0
    action: ClassVar[dict[str, Any]]
    share: ClassVar[float] = 0.4

    def inject(self, scene: Scene) -> None:
        scene.bed.provider.faults([rule(self.action, self.share)])

    def lift(self, scene: Scene) -> None:
        scene.bed.provider.faults([])


class PauseResume(Fault):
    """F7: pause, and later resume."""

    target = "control"
    hold_s = (0.2, 2.0)

    def inject(self, scene: Scene) -> None:
        scene.go_on()
        self._control: Control | None = scene.control("pause")

    def lift(self, scene: Scene) -> None:
        if self._control is not None:
            self._control.until = time.monotonic()
            scene.control("resume")


class CancelRetry(Fault):
    """F7: cancel, and later a new run over what was left."""

    target = "control"
    hold_s = (0.2, 1.0)
    lift_last = True

    def inject(self, scene: Scene) -> None:
        scene.go_on()
        self._control: Control | None = scene.control("cancel")

    def lift(self, scene: Scene) -> None:
        if self._control is not None:
            scene.retry()


class LanesChanged(Fault):
    """F7: fewer lanes, and more, and fewer again; in the end as many as before."""

    target = "control"
    hold_s = (0.3, 1.5)

    def inject(self, scene: Scene) -> None:
        scene.go_on()
        for _ in range(3):
            scene.change_lanes(self.random.randint(1, scene.lanes))
        scene.change_lanes(self.random.randint(1, 3))

    def lift(self, scene: Scene) -> None:
        scene.change_lanes(scene.lanes)


class NoWorkers(Fault):
    """F7, F8: nobody there, so no reconciler either; then new workers."""

    target = "worker"
    hold_s = (1.0, 3.0)

    def inject(self, scene: Scene) -> None:
        self._same_name = self.random.random() < 0.5
        if not self._same_name:
            # All lanes may belong to the dead, until their lease is over.
            self.allowed_s += LEASE_S
        self._dead = []
        while (worker := scene.pick()) is not None:
            scene.kill(worker)
            self._dead.append(worker)

    def lift(self, scene: Scene) -> None:
        for worker in self._dead:
            scene.restart(worker, same_name=self._same_name)
        scene.await_reclaim(since=time.monotonic(), same_name=self._same_name)


class RollingDeploy(Fault):
    """F8: for each worker a new one first, then SIGTERM to the old one."""

    target = "worker"
    alone = True
    no_pause_s = 2.5

    def inject(self, scene: Scene) -> None:
        while (worker := scene.pick()) is not None:
            scene.engaged.add(scene.bed.start_worker().name)
            worker.process.end(signal.SIGTERM)
            code = worker.process.code()
            if code != 0:
                scene.journal.violate("deploy", f"{worker.name} ended with {code}")
            del scene.bed.workers[worker.name]
            if held := scene.held(worker):
                scene.journal.violate("deploy", f"{worker.name} left {held} lanes")


class MoreReconcilers(Fault):
    """F8: three more reconcilers beside those of the workers, as fast as they can."""

    target = "reconciler"
    hold_s = (1.0, 2.0)

    def inject(self, scene: Scene) -> None:
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._reconcile) for _ in range(3)]
        for thread in self._threads:
            thread.start()
        run_dispatch(run_id=scene.run.id)

    def lift(self, scene: Scene) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _reconcile(self) -> None:
        while not self._stop.wait(0.01):
            try:
                reconcile()
            except DatabaseError:
                # Connections that an earlier fault broke; a worker's own would try again too.
                close_old_connections()
        connection.close()


class ClockStepped(Fault):
    """F9: a worker is restarted on a clock that is an hour off, or right again."""

    target = "clock"
    rank = -1

    def inject(self, scene: Scene) -> None:
        worker = scene.pick()
        if worker is None:
            return
        worker.process.end(signal.SIGTERM)
        del scene.bed.workers[worker.name]
        step_s = 0.0 if worker.clock_step_s else self.random.choice(_CLOCK_STEPS_S)
        scene.bed.start_worker(worker.name, clock_step_s=step_s)


def rule(action: dict[str, Any], share: float) -> dict[str, Any]:
    """A share of the provider's answers goes wrong so, for as long as the rule stands."""
    return {"match": {"probability": share}, "times": None, "action": action}


def _crash(point_: str) -> type[Fault]:
    class Crash(CrashAt):
        point = point_

    return Crash


def _provider(action_: dict[str, Any], share_: float = 0.4) -> type[Fault]:
    class Failing(ProviderFails):
        action = action_
        share = share_

    return Failing


#: Every kind, by its name in schedules and tables.
KINDS: dict[str, type[Fault]] = {
    **{f"F1 kill -9 {point}": _crash(point) for point in POINTS},
    "F1 kill -9 any time": KillAnyTime,
    "F2 worker frozen beyond its lease": FreezeWorker,
    "F3 Redis killed, file kept": RedisKilled,
    "F3 Redis killed, all lost": RedisLost,
    "F3 Redis frozen": RedisFrozen,
    "F3 Redis flushed": RedisFlushed,
    "F3 Redis full": RedisFull,
    "F4 PostgreSQL restarted": PostgresRestarted,
    "F4 PostgreSQL away beyond the lease": PostgresAway,
    "F4 backends terminated": BackendsTerminated,
    "F5 messages copied": MessagesCopied,
    "F5 messages reordered": MessagesReordered,
    "F5 messages dropped": MessagesDropped,
    REFUSED: _provider({"type": "error", "status": 429, "retry_after_s": 1}),
    "F6 500": _provider({"type": "error", "status": 500}),
    "F6 529 overloaded": _provider({"type": "error", "status": 529}),
    "F6 stall": _provider({"type": "stall"}, 0.2),
    "F6 drip": _provider({"type": "drip", "duration_s": 1.5, "pieces": 15}),
    "F6 invalid JSON": _provider({"type": "malformed_json"}),
    "F6 reset after success": _provider({"type": "reset", "at": "mid"}),
    "F6 connection reset": _provider({"type": "reset", "at": "before"}),
    "F7 pause, resume": PauseResume,
    "F7 cancel, retry": CancelRetry,
    "F7 maxConcurrency changed": LanesChanged,
    "F8 no workers": NoWorkers,
    "F8 rolling deploy": RollingDeploy,
    "F8 more reconcilers": MoreReconcilers,
    CLOCK: ClockStepped,
}
