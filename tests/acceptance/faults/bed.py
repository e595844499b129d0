"""The servers, the provider and the workers of one call of the suite: all may be killed."""

import os
import shutil
import signal
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import django
import httpx2
from django.core.management import call_command
from django.db import DatabaseError, close_old_connections, connections

from batchgen.local import stack
from batchgen.local.child import Child, Running
from batchgen.local.local_dir import scratch
from batchgen.local.postgres import Postgres
from batchgen.local.redis import Redis
from batchgen.local.terminal import LogFiles, Sink
from tests.acceptance.faults.nursery import Nursery, Process

#: Short, so that a schedule need not wait long for a dead worker's lease; the default is 10.
LEASE_S = 4
#: Whatever the shell says, no fault touches servers or keys that are not the suite's own.
FIXED = {
    "ANTHROPIC_API_KEY": "none",
    "ANTHROPIC_BASE_URL": "http://127.0.0.1:9",
    "BATCHGEN_PROVIDER_NAME": "simulator",
    "BATCHGEN_REDIS_PREFIX": "faults:",
    **stack.UNLIMITED,
    "BATCHGEN_WORKER_LEASE_S": str(LEASE_S),
    "BATCHGEN_PROVIDER_TIMEOUT_S": "3",
    "BATCHGEN_WORKER_CONCURRENCY": "20",
    "BATCHGEN_DATABASE_POOL_SIZE": "20",
    "DJANGO_SETTINGS_MODULE": "batchgen.settings",
    # Of runs by batches: small slices, soon asked for, and soon given up.
    "BATCHGEN_BATCH_TICK_S": "0.1",
    "BATCHGEN_BATCH_POLL_S": "0.2",
    "BATCHGEN_BATCH_POLL_MOST_S": "0.5",
    "BATCHGEN_BATCH_SLICE": "12",
    "BATCHGEN_BATCH_REQUESTS_OUT": "60",
    "BATCHGEN_BATCH_LOST_S": "10",
    "BATCHGEN_BATCH_SPILL_WAIT_S": "3",
    "BATCHGEN_BATCH_SPILL_MARGIN_S": "5",
}
_QUIET = ("--without-gossip", "--without-mingle", "-l", "INFO")
NOT_OURS = ("DATABASE_URL", "REDIS_URL", "BATCHGEN_ENV")
_PATIENCE_S = 60


class NotInTime(AssertionError):
    """What was waited for did not come."""


def wait_for(condition: Callable[[], object], what: str, *, timeout_s: float) -> None:
    """Poll until the condition holds; an unreachable database counts as "not yet".

    Raises:
        NotInTime: it did not hold in time.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            if condition():
                return
        except DatabaseError:
            close_old_connections()
        if time.monotonic() > deadline:
            raise NotInTime(f"after {timeout_s:g} s still not: {what}")
        time.sleep(0.02)


class Server:
    """A process that is killed and started again."""

    def __init__(self, child: Child, sink: Sink) -> None:
        self._child = child
        self._sink = sink
        self.running = self._start()

    def start_again(self) -> None:
        """Start it once more and wait until it is ready."""
        self.running = self._start()

    def send(self, number: signal.Signals) -> None:
        """Send it a signal; one that is gone does not mind."""
        if self.running.process.poll() is None:
            self.running.process.send_signal(number)

    def end(self, number: signal.Signals, *, timeout_s: float = 30) -> None:
        """End it by a signal and wait until it is gone."""
        self.send(signal.SIGCONT)
        self.send(number)
        self.running.process.wait(timeout_s)
        self.close()

    def close(self) -> None:
        """Stop it, however it does, and clear up after it."""
        self.send(signal.SIGCONT)
        self.running.stop(hurry=threading.Event())

    def _start(self) -> Running:
        running = Running(self._child, self._sink)
        ready = self._child.ready

        def is_ready() -> bool:
            assert running.code() is None, f"{self._child.name} ended: {list(running.lines)[-5:]}"
            return ready is None or ready(running)

        wait_for(is_ready, f"{self._child.name} is ready", timeout_s=_PATIENCE_S)
        return running


@dataclass(kw_only=True)
class WorkerProcess:
    """A worker that was started, and its row."""

    name: str
    id: UUID
    process: Process
    clock_step_s: float

    def is_alive(self) -> bool:
        """Whether the process runs."""
        return self.process.code() is None


class Provider:
    """The simulator and its control endpoint."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._client = httpx2.Client(base_url=f"{self.url}/_sim/", trust_env=False, timeout=60)

    def config(self, **values: float) -> None:
        """Change its latency."""
        self._client.post("config", json=values).raise_for_status()

    def faults(self, rules: list[dict[str, Any]]) -> None:
        """Script how it fails, instead of how it did."""
        self._client.post("faults", json=rules).raise_for_status()

    def fired(self) -> int:
        """How often the present rules have had it fail."""
        answer = self._client.get("faults").raise_for_status()
        return sum(answer.json()["fired"])

    def advance(self, seconds: float) -> None:
        """Move its clock on; the batches that this ends have ended."""
        self._client.post("clock", json={"advance_s": seconds}).raise_for_status()

    def billed(self) -> list[dict[str, Any]]:
        """The lines of its bill."""
        lines: list[dict[str, Any]] = []
        since: int | None = 0
        while since is not None:
            page = self._client.get("usage", params={"since": since, "limit": 10_000})
            answer = page.raise_for_status().json()
            lines += answer["data"]
            since = answer["next_index"] if answer["has_more"] else None
        return lines

    def calls(self, *, since: int = 0) -> list[dict[str, Any]]:
        """Every call so far, from the one with this index on."""
        answer = self._client.get("stats", params={"since": since}).raise_for_status()
        calls: list[dict[str, Any]] = answer.json()["calls"]
        return calls

    def starts_since(self, moment: float) -> int:
        """How many calls started after a monotonic time that lies a moment back."""
        summary = self._client.get("stats", params={"summary": 1}).raise_for_status().json()
        latest = self.calls(since=max(0, summary["next_index"] - 200))
        return sum(call["start_monotonic"] > moment for call in latest)

    def usage(self, **query: str | int) -> list[dict[str, Any]]:
        """Its books' lines: those that the query asks for."""
        asked = {"limit": 10_000, **query}
        answer = self._client.get("usage", params=asked).raise_for_status()
        lines: list[dict[str, Any]] = answer.json()["data"]
        return lines

    def reset(self) -> None:
        """Forget calls, faults and configuration."""
        self._client.post("reset", json={}).raise_for_status()

    def close(self) -> None:
        """Close the connections to it."""
        self._client.close()


@dataclass(kw_only=True)
class Ground(ABC):
    """A provider, servers and workers, wherever they are."""

    environment: dict[str, str]
    logs: Path
    provider: Provider
    workers: dict[str, WorkerProcess] = field(default_factory=dict)
    #: Code of the epic that kills its worker each time, if any.
    poison: str = ""
    _names: int = 0

    @abstractmethod
    def new_name(self) -> str:
        """A worker name that was not used yet."""

    @abstractmethod
    def _birth(self, name: str, clock_step_s: float) -> Process:
        """A worker of that name that is on its way."""

    def start_worker(self, name: str = "", *, clock_step_s: float = 0) -> WorkerProcess:
        """Start a worker and wait until it is registered."""
        from runs.models import Worker

        name = name or self.new_name()
        known = set(Worker.objects.values_list("id", flat=True))
        mine = Worker.objects.filter(name=f"{name}@faults").exclude(id__in=known)
        process = self._birth(name, clock_step_s)

        def is_ready() -> bool:
            assert process.code() is None, f"{name} ended with {process.code()}"
            return mine.exists()

        wait_for(is_ready, f"{name} is registered", timeout_s=_PATIENCE_S)
        worker = WorkerProcess(
            name=name, id=mine.get().id, process=process, clock_step_s=clock_step_s
        )
        self.workers[name] = worker
        return worker

    def close_connections(self) -> None:
        """Close those of this process; the next query opens new ones."""
        from django.db.backends.postgresql.base import DatabaseWrapper

        from batchgen.db.pools import close_engine_pool

        close_engine_pool()
        database = connections["default"]
        assert isinstance(database, DatabaseWrapper)
        database.close_pool()

    def end_workers(self) -> None:
        """Kill all workers and forget them."""
        for worker in self.workers.values():
            worker.process.end(signal.SIGKILL)
        self.workers.clear()

    def clear(self) -> None:
        """No workers, no rows, no messages, no calls: the next schedule starts alike."""
        from django.db import connection

        from batchgen.redis import client as redis

        self.end_workers()
        with connection.cursor() as cursor:
            # Not all of them refer to each other.
            cursor.execute(
                "TRUNCATE epics_project, runs_run, runs_opentarget, runs_runlog, runs_worker, "
                "runs_closure CASCADE"
            )
        redis.client().flushall()
        self.provider.reset()


@dataclass(kw_only=True)
class Bed(Ground):
    """All processes of the suite on one machine.

    Start them from the main thread: they die with their starter.
    """

    armed: Path
    redis_data: Path
    postgres: Server
    redis: Server
    #: By the step of the clock, in seconds.
    nurseries: dict[float, Nursery]

    def new_name(self) -> str:
        """A worker name that was not used yet."""
        self._names += 1
        return f"w{self._names}"

    def _birth(self, name: str, clock_step_s: float) -> Process:
        return self._nursery(clock_step_s).birth(
            ["-A", "batchgen", "worker", "-n", f"{name}@faults", *_QUIET],
            environment={"FAULTS_NAME": name, "FAULTS_POISON": self.poison},
            log=self.logs / f"{name}.log",
        )

    def _nursery(self, clock_step_s: float) -> Nursery:
        if clock_step_s not in self.nurseries:
            environment = {**self.environment, "FAULTS_CLOCK_STEP_S": str(clock_step_s)}
            self.nurseries[clock_step_s] = Nursery(environment, log=self.logs / "nursery.log")
        return self.nurseries[clock_step_s]

    def arm(self, worker: WorkerProcess, point: str) -> None:
        """Let the worker die the next time it passes the point."""
        (self.armed / f"{worker.name}.{point}").touch()

    def disarm(self, name: str = "") -> None:
        """Let the worker of this name live, or everybody."""
        for file in self.armed.glob(f"{name}.*" if name else "*"):
            file.unlink(missing_ok=True)

    def forget_redis(self) -> None:
        """Take away what a stopped Redis would read when it starts."""
        for path in self.redis_data.glob("appendonly*"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        (self.redis_data / "dump.rdb").unlink(missing_ok=True)

    def clear(self) -> None:
        """As everywhere, and nobody is to die."""
        self.disarm()
        super().clear()


@dataclass(frozen=True, kw_only=True)
class Servers:
    """PostgreSQL, Redis and the provider, and the environment of whoever uses them."""

    environment: dict[str, str]
    #: Everything that the processes leave, but for their logs.
    directory: Path
    logs: Path
    sink: Sink
    postgres: Server
    redis: Server
    simulator: Server
    provider: Provider


@contextmanager
def servers(settings: Mapping[str, str], logs_directory: Path | None = None) -> Iterator[Servers]:
    """Start them; this process may set Django up on them. All is gone at the end of the block."""
    environment = {**stack.base_environment(), **settings}
    for name in NOT_OURS:
        environment.pop(name, None)
        os.environ.pop(name, None)
    with ExitStack() as opened:
        directory = opened.enter_context(scratch())
        logs_directory = logs_directory or directory / "log"
        logs = LogFiles(logs_directory)
        opened.callback(logs.close)
        # Durable: with asynchronous commits a PostgreSQL that is killed forgets the last ones.
        files = Postgres(directory / "postgres", durable=True)
        opened.callback(files.forget)
        broker = Redis(directory / "redis", durable=True, all_rights=True)
        environment.update(DATABASE_URL=files.url, REDIS_URL=broker.url)
        postgres = Server(files.child(), logs.line)
        opened.callback(lambda: postgres.end(signal.SIGQUIT))
        redis = Server(broker.child(), logs.line)
        opened.callback(redis.close)
        simulator = Server(stack.simulator(environment, latency_ms=0), logs.line)
        opened.callback(simulator.close)
        provider = Provider(stack.simulator_url(simulator.running))
        opened.callback(provider.close)
        # This process looks at the workers' gate, which the address is a part of.
        environment["ANTHROPIC_BASE_URL"] = provider.url
        os.environ.update(environment)
        yield Servers(
            environment=environment,
            directory=directory,
            logs=logs_directory,
            sink=logs.line,
            postgres=postgres,
            redis=redis,
            simulator=simulator,
            provider=provider,
        )


@contextmanager
def bed(logs_directory: Path | None = None) -> Iterator[Bed]:
    """Start the servers and set Django up on them; all is gone at the end of the block."""
    with servers(FIXED, logs_directory) as standing, ExitStack() as opened:
        armed = standing.directory / "armed"
        armed.mkdir()
        environment = {**standing.environment, "FAULTS_ARMED": str(armed)}
        nurseries = {0.0: Nursery(environment, log=standing.logs / "nursery.log")}
        opened.callback(_close_all, nurseries)
        django.setup()
        call_command("migrate", verbosity=0)
        made = Bed(
            environment=environment,
            armed=armed,
            redis_data=standing.directory / "redis",
            logs=standing.logs,
            postgres=standing.postgres,
            redis=standing.redis,
            provider=standing.provider,
            nurseries=nurseries,
        )
        opened.callback(made.close_connections)
        yield made


def _close_all(nurseries: dict[float, Nursery]) -> None:
    for nursery in nurseries.values():
        nursery.close()
