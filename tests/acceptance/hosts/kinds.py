"""What goes wrong between hosts, and with one of them."""

import signal
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import ClassVar

from django.conf import settings

from batchgen.redis import client as redis
from runs.models import Lane
from runs.states import LaneState
from tests.acceptance.faults.bed import LEASE_S, NotInTime, WorkerProcess, wait_for
from tests.acceptance.faults.journal import Freeze
from tests.acceptance.faults.kinds import (
    ClockStepped,
    Fault,
    FreezeWorker,
    KillAnyTime,
    PauseResume,
)
from tests.acceptance.faults.scene import Scene
from tests.acceptance.hosts.network import Host
from tests.acceptance.hosts.world import REQUESTS_PER_MINUTE, World

#: Work goes on at a host so long after it was healed, at most. docs/hosts.md says so.
RETURNS_S = 10.0
#: While one host of many is away, some call begins at least so often.
NO_PAUSE_S = 3.0
_FAILED_OVER_S = 20.0
#: What was on its way when a host was cut off is committed so soon.
_COMMITTED_S = 0.8
#: Each way.
_FAR_MS = 25.0


def world_of(scene: Scene) -> World:
    """The world of a scene that plays on many hosts."""
    assert isinstance(scene.bed, World)
    return scene.bed


class CutWorker(Fault):
    """A worker's host is cut off: for less than its lease, or for more."""

    target = "worker"
    hold_s = (1.0, LEASE_S + 6.0)
    no_pause_s = NO_PAUSE_S
    name: ClassVar[str] = "worker cut off"

    def inject(self, scene: Scene) -> None:
        self._worker: WorkerProcess | None = scene.pick()
        if self._worker is None:
            return
        world = world_of(scene)
        self._host = world.host_of(self._worker.name)
        world.network.cut([self._host], self.others(world))
        self._freeze = Freeze(at=time.monotonic(), held=_held(scene, self._worker))
        scene.journal.freezes.append(self._freeze)

    def lift(self, scene: Scene) -> None:
        if self._worker is None:
            return
        world = world_of(scene)
        world.network.heal([self._host], self.others(world))
        self._freeze.thawed = time.monotonic()
        world.excused.append((self._freeze.thawed, self._freeze.held))

    def settle(self, scene: Scene) -> None:
        # Not before a pause beside it is over: nobody has lanes in one.
        if self._worker is not None:
            await_return(scene, self._worker, self.name)

    def others(self, world: World) -> list[Host]:
        """Whom it cannot reach."""
        return world.network.all_but(self._host)


def _held(scene: Scene, worker: WorkerProcess) -> int:
    """Lanes that a worker had when it was cut off, also by commits that were under way then."""
    lanes = Lane.objects.filter(worker=worker.id, state=LaneState.RUNNING)
    seen: set[tuple[int, int]] = set()
    until = time.monotonic() + _COMMITTED_S
    while time.monotonic() < until:
        seen |= scene.patiently(lambda: set(lanes.values_list("id", "fencing_token")))
        time.sleep(0.1)
    return len(seen)


class CutFromRedis(CutWorker):
    """It cannot reach any Redis."""

    name = "worker cut from Redis"

    def others(self, world: World) -> list[Host]:
        return world.broker.hosts


class CutFromPostgres(CutWorker):
    """It cannot reach the pooler, which is its way to PostgreSQL."""

    name = "worker cut from PostgreSQL"

    def others(self, world: World) -> list[Host]:
        return [world.network.hosts["pooler"]]


def await_return(scene: Scene, worker: WorkerProcess, kind: str) -> None:
    """Wait until a worker has lanes again, and note how long that took, or too long (I8)."""
    _await(scene, kind, lambda: bool(scene.held(worker)), f"{worker.name} works again")


def await_call(scene: Scene, kind: str) -> None:
    """Wait until a call begins, and note how long that took, or too long (I8)."""
    since, provider = time.monotonic(), scene.bed.provider
    _await(scene, kind, lambda: bool(provider.starts_since(since)), "a call begins")


def _await(scene: Scene, kind: str, condition: Callable[[], bool], what: str) -> None:
    since = time.monotonic()

    def is_seen() -> bool:
        if condition():
            return True
        # A run that is over gives nobody work; one that is paused has none to give.
        scene.go_on()
        return not scene.is_runnable()

    try:
        wait_for(is_seen, what, timeout_s=3 * scene.journal.patience * RETURNS_S)
    except NotInTime as late:
        scene.journal.violate("I8", f"{kind}: {late}")
        return
    note_return(scene, kind, what, time.monotonic() - since)


def note_return(scene: Scene, kind: str, what: str, took_s: float) -> None:
    """Note how long it took, or too long (I8)."""
    if took_s > scene.journal.patience * RETURNS_S:
        scene.journal.violate("I8", f"{kind}: {what} after {took_s:.1f} s")
    world_of(scene).returns[kind].append(took_s)


class CutWeb(Fault):
    """A web host is cut off: the proxy passes it over."""

    target = "web"
    hold_s = (2.0, 6.0)
    name: ClassVar[str] = "web cut off"

    def inject(self, scene: Scene) -> None:
        world = world_of(scene)
        self._host = self.random.choice(world.front.hosts)
        world.network.cut([self._host], self.others(world))

    def lift(self, scene: Scene) -> None:
        world = world_of(scene)
        world.network.heal([self._host], self.others(world))

    def settle(self, scene: Scene) -> None:
        since = time.monotonic()
        try:
            world_of(scene).front.await_ready(self._host)
        except NotInTime as late:
            scene.journal.violate("I8", f"{self.name}: {late}")
            return
        note_return(scene, self.name, f"{self._host.name} is ready", time.monotonic() - since)

    def others(self, world: World) -> list[Host]:
        """Whom it cannot reach."""
        return world.network.all_but(self._host)


class MasterCut(Fault):
    """The Redis master's host is cut off, with its Sentinel: the others choose another one."""

    target = "broker"
    hold_s = (1.0, 4.0)
    allowed_s = RETURNS_S
    alone = True
    lift_first = True
    name: ClassVar[str] = "Redis master cut off"

    def inject(self, scene: Scene) -> None:
        world = world_of(scene)
        master = world.broker.master()
        assert master is not None
        self._master = master
        self.take_away(world)
        wait_for(
            lambda: world.broker.master() not in (None, self._master),
            "the Sentinels agree on another master",
            timeout_s=scene.journal.patience * _FAILED_OVER_S,
        )
        # What the old one had not told the others of is forgotten.
        burst = REQUESTS_PER_MINUTE / 60 * settings.LIMIT_BURST_S
        world.excused.append((time.monotonic(), round(burst)))
        await_call(scene, self.name)

    def lift(self, scene: Scene) -> None:
        self.give_back(world_of(scene))
        scene.patiently(redis.client().ping)

    def take_away(self, world: World) -> None:
        """Have it be gone for everybody, also for this process."""
        world.network.cut([self._master], self._everybody(world))

    def give_back(self, world: World) -> None:
        """Have it be there again."""
        world.network.heal([self._master], self._everybody(world))

    def _everybody(self, world: World) -> list[Host]:
        return [*world.network.all_but(self._master), world.network.operator]


class MasterHangs(MasterCut):
    """Its host stands still."""

    name = "Redis master hangs"

    def take_away(self, world: World) -> None:
        self._master.send(signal.SIGSTOP)

    def give_back(self, world: World) -> None:
        self._master.send(signal.SIGCONT)


class PostgresKilled(Fault):
    """The host of the server that takes writes dies: the standby takes them, and is followed."""

    target = "truth"
    hold_s = (0.5, 3.0)
    allowed_s = RETURNS_S
    alone = True
    lift_first = True
    name: ClassVar[str] = "PostgreSQL killed"

    def inject(self, scene: Scene) -> None:
        self._world = world_of(scene)
        self._old = self._world.database.primary
        self.take_away()

    def lift(self, scene: Scene) -> None:
        # From here on the standby is the truth.
        self._world.fail_over()
        await_call(scene, self.name)
        self.give_back()
        self._world.database.rejoin()

    def take_away(self) -> None:
        """kill -9."""
        self._old.send(signal.SIGKILL)

    def give_back(self) -> None:
        """Only its remains are cleared away."""
        self._world.database.end_standby()


class PostgresCut(PostgresKilled):
    """It is cut off, and ended only when all others have gone on without it."""

    name = "PostgreSQL cut off"

    def take_away(self) -> None:
        network = self._world.network
        network.cut([self._old], [*network.all_but(self._old), network.operator])

    def give_back(self) -> None:
        self._world.database.end_standby()
        network = self._world.network
        network.heal([self._old], [*network.all_but(self._old), network.operator])


class WorkerHangs(FreezeWorker):
    """A worker's host stands still for longer than its lease, and goes on."""

    no_pause_s = NO_PAUSE_S

    def settle(self, scene: Scene) -> None:
        if self._worker is not None:
            await_return(scene, self._worker, "worker's host hangs")


class Lossy(Fault):
    """Every tenth packet of workers and web gets lost."""

    target = "network"
    # A call that was begun before a pause may come to the provider after it.
    alone = True
    hold_s = (3.0, 6.0)
    no_pause_s = NO_PAUSE_S

    def inject(self, scene: Scene) -> None:
        network = world_of(scene).network
        some = [host for name, host in network.hosts.items() if name.startswith(("work", "web"))]
        self._groups = some, network.all_but(*some)
        network.lose(*self._groups)

    def lift(self, scene: Scene) -> None:
        world_of(scene).network.lose_no_more(*self._groups)


class Slow(Fault):
    """A worker's host has a thin line."""

    target = "worker"
    alone = True
    hold_s = (3.0, 6.0)
    no_pause_s = NO_PAUSE_S

    def inject(self, scene: Scene) -> None:
        self._host: Host | None = None
        if worker := scene.pick():
            world = world_of(scene)
            self._host = world.host_of(worker.name)
            world.network.slow(self._host)

    def lift(self, scene: Scene) -> None:
        if self._host is not None:
            world_of(scene).network.fast(self._host)


class Far(Fault):
    """A worker's host is a continent away."""

    target = "worker"
    alone = True
    hold_s = (3.0, 6.0)
    no_pause_s = NO_PAUSE_S

    def inject(self, scene: Scene) -> None:
        self._wire = ExitStack()
        if worker := scene.pick():
            world = world_of(scene)
            far = world.network.far(world.host_of(worker.name), ms=_FAR_MS, sink=world.sink)
            self._wire.enter_context(far)

    def lift(self, scene: Scene) -> None:
        self._wire.close()


class WorkersUpgraded(Fault):
    """Each worker is told to stop, and another takes its place; nobody calls twice."""

    target = "worker"
    alone = True
    no_pause_s = NO_PAUSE_S

    def inject(self, scene: Scene) -> None:
        while (worker := scene.pick()) is not None:
            scene.go_on()
            worker.process.end(signal.SIGTERM)
            code = worker.process.code()
            if code != 0:
                scene.journal.violate("upgrade", f"{worker.name} ended with {code}")
            if held := scene.held(worker):
                scene.journal.violate("upgrade", f"{worker.name} left {held} lanes")
            del scene.bed.workers[worker.name]
            scene.restart(worker, same_name=True)
            scene.engaged.add(worker.name)


class WebUpgraded(Fault):
    """Each web process is replaced by another; nobody is refused."""

    target = "web"
    alone = True

    def inject(self, scene: Scene) -> None:
        front = world_of(scene).front
        for host in front.hosts:
            front.upgrade(host)


#: Every kind, by its name in schedules and tables.
KINDS: dict[str, type[Fault]] = {
    "H1 worker cut off": CutWorker,
    "H1 worker cut from Redis": CutFromRedis,
    "H1 worker cut from PostgreSQL": CutFromPostgres,
    "H2 web cut off": CutWeb,
    "H3 Redis master cut off, failed over": MasterCut,
    "H3 Redis master hangs, failed over": MasterHangs,
    "H4 PostgreSQL killed, failed over": PostgresKilled,
    "H4 PostgreSQL cut off, failed over": PostgresCut,
    "H5 worker's host hangs beyond its lease": WorkerHangs,
    "H5 worker killed (-9)": KillAnyTime,
    "H6 worker's clock an hour off": ClockStepped,
    "H7 workers upgraded one by one": WorkersUpgraded,
    "H7 web upgraded one by one": WebUpgraded,
    "H8 every tenth packet lost": Lossy,
    "H8 worker's line thin": Slow,
    "H8 worker's line long": Far,
    "F7 pause, resume": PauseResume,
}
