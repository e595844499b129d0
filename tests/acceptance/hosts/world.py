"""All hosts and what runs on them, in the place of the fault suite's one machine."""

import os
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import django
from django.core.management import call_command

from batchgen.local import stack
from batchgen.local.child import Child, Running, logged
from batchgen.local.local_dir import ROOT, scratch
from batchgen.local.terminal import LogFiles, Sink
from tests import pgbouncer
from tests.acceptance.faults.bed import FIXED, NOT_OURS, Ground, Provider
from tests.acceptance.faults.nursery import Process, watched
from tests.acceptance.hosts.broker import Broker
from tests.acceptance.hosts.database import Database
from tests.acceptance.hosts.front import Front
from tests.acceptance.hosts.network import Host, Network, NoHosts, network, program
from tests.acceptance.hosts.service import Service
from tests.acceptance.hosts.visits import Visits

#: Calls a minute that all workers together may begin: a limit that binds.
REQUESTS_PER_MINUTE = 1200
_WEB, _WORKERS = 2, 4
_PROVIDER_PORT = 8765
#: Of the fault suite's own, other here.
_OTHER = {
    "BATCHGEN_REDIS_PREFIX": "hosts:",
    "BATCHGEN_LIMIT_REQUESTS_PER_MINUTE": str(REQUESTS_PER_MINUTE),
    "BATCHGEN_DATABASE_POOL_SIZE": "10",
    "BATCHGEN_DATABASE_POOLED": "1",
}
_NEEDED = {
    "redis-server": "redis-server",
    "pgbouncer": "pgbouncer",
    "nginx": "nginx-light",
}
_WORKER = ("-P", "threads", "--without-gossip", "--without-mingle", "-l", "INFO")


@dataclass(kw_only=True)
class World(Ground):
    """All processes, on many hosts."""

    network: Network
    database: Database
    pooler: pgbouncer.PgBouncer
    broker: Broker
    front: Front
    sink: Sink
    visits: Visits = field(default_factory=Visits)
    #: Seconds until a healed host worked again, by the kind of its fault.
    returns: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    #: (when, how many): calls that may begin beyond the limit, for Redis forgot some, or a host
    #: that was cut off had permits.
    excused: list[tuple[float, int]] = field(default_factory=list)

    def host_of(self, worker: str) -> Host:
        """Where a worker of that name is."""
        return self.network.hosts[worker.split(".", maxsplit=1)[0]]

    def new_name(self) -> str:
        """One for a worker of the host that has the fewest."""
        self._names += 1
        hosts = [f"worker{number}" for number in range(1, _WORKERS + 1)]
        there = [self.host_of(name).name for name in self.workers]
        return f"{min(hosts, key=there.count)}.{self._names}"

    def fail_over(self) -> None:
        """The standby takes writes, and the pooler is told: what an operator's script does."""
        self.database.fail_over()
        self.pooler.point_to(self.database.primary.address)
        # What is under way on the old server waits for one that may never answer.
        for command in ("RELOAD", 'KILL "batchgen"', 'RESUME "batchgen"'):
            pgbouncer.console(self.pooler.url, command)
        self.close_connections()

    def _birth(self, name: str, clock_step_s: float) -> Process:
        celery = ["celery"]
        if clock_step_s:
            celery = [f"{__package__}.clock", f"{clock_step_s:+.0f}"]
        concurrency = self.environment["BATCHGEN_WORKER_CONCURRENCY"]
        argv = [sys.executable, "-m", *celery, "-A", "batchgen", "worker"]
        argv += ["-n", f"{name}@faults", "-c", concurrency, *_WORKER]
        child = Child(name=name, argv=argv, env=self.environment, cwd=ROOT)
        with self.host_of(name).entered():
            running = Running(child, self.sink)
        return watched(running)


def _require_programs() -> None:
    """See whether all servers are installed.

    Raises:
        NoHosts: some are not; the message says which.
    """
    missing = [package for name, package in _NEEDED.items() if program(name) is None]
    if missing:
        raise NoHosts(f"apt-get install {' '.join(missing)}")


@contextmanager
def world(logs_directory: Path | None = None) -> Iterator[World]:
    """Make the hosts, start everything but the workers, and set Django up; all is gone afterwards.

    Raises:
        NoHosts: there can be none here.
    """
    _require_programs()
    environment = _environment()
    with ExitStack() as opened:
        directory = opened.enter_context(scratch())
        logs_directory = logs_directory or directory / "log"
        logs = LogFiles(logs_directory)
        opened.callback(logs.close)
        made = opened.enter_context(network())
        database = Database(made.host("pg1"), made.host("pg2"), directory, logs.line)
        opened.callback(database.close)
        hosts = [made.host(f"redis{number}") for number in (1, 2, 3)]
        broker = Broker(hosts, directory, logs.line)
        opened.callback(broker.close)
        edge = made.host("edge")
        between = made.host("pooler")
        pooler = pgbouncer.PgBouncer(database.url, size="60", listen=between.address)
        opened.callback(pooler.forget)
        opened.callback(Service(between, pooler.child(), logs.line).close)
        url = _simulator(opened, made.host("provider"), environment, logs.line)
        environment |= {
            "DATABASE_URL": pooler.url,
            "REDIS_URL": broker.url,
            "ANTHROPIC_BASE_URL": url,
        }
        for name in set(os.environ) - environment.keys():
            del os.environ[name]
        os.environ.update(environment)
        django.setup()
        call_command("migrate", verbosity=0)
        webs = [made.host(f"web{number}") for number in range(1, _WEB + 1)]
        front = Front(edge, webs, environment, directory, logs.line)
        opened.callback(front.close)
        for number in range(1, _WORKERS + 1):
            made.host(f"worker{number}")
        provider = Provider(url)
        opened.callback(provider.close)
        bed = World(
            environment=environment,
            logs=logs_directory,
            provider=provider,
            network=made,
            database=database,
            pooler=pooler,
            broker=broker,
            front=front,
            sink=logs.line,
        )
        opened.callback(bed.close_connections)
        opened.callback(bed.end_workers)
        yield bed


def _environment() -> dict[str, str]:
    """Without servers that the shell names, and without a proxy on the way to the hosts."""
    environment = {**stack.base_environment(), **FIXED, **_OTHER}
    proxies = [name for name in environment if name.lower().endswith("_proxy")]
    for name in (*NOT_OURS, *proxies):
        environment.pop(name, None)
    return environment


def _simulator(opened: ExitStack, host: Host, environment: Mapping[str, str], sink: Sink) -> str:
    url = f"http://{host.address}:{_PROVIDER_PORT}"
    argv = [sys.executable, "-m", "simulator", "--host", host.address]
    argv += ["--port", str(_PROVIDER_PORT), "--latency-ms", "0"]
    child = Child(name="simulator", argv=argv, env=environment, cwd=ROOT, ready=logged(url))
    opened.callback(Service(host, child, sink).close)
    return url
