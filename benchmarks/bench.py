"""What a workload is given: fresh servers, a way to start processes, how much to do."""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import django
import psutil
from django.core.management import call_command
from django.db import connection

from batchgen.local import stack
from batchgen.local.child import Child, logged
from batchgen.local.local_dir import scratch
from batchgen.local.supervisor import Supervisor
from batchgen.local.terminal import LogFiles
from batchgen.redis import client as redis
from benchmarks.processes import Tree

#: Whatever the shell says, no benchmark touches servers or keys that are not its own.
_FIXED = {
    "ANTHROPIC_API_KEY": "none",
    "ANTHROPIC_BASE_URL": "http://127.0.0.1:9",
    "BATCHGEN_PROVIDER_NAME": "simulator",
    "BATCHGEN_REDIS_PREFIX": "benchmark:",
    **stack.UNLIMITED,
    "DJANGO_SETTINGS_MODULE": "batchgen.settings",
}
#: Nor do workers start without compiled files, which doubles the time that it takes.
_NOT_OURS = ("DATABASE_URL", "REDIS_URL", "BATCHGEN_ENV", "PYTHONDONTWRITEBYTECODE")
_EMPTIED = (
    *("epics_project", "runs_run", "runs_runlog", "runs_worker", "runs_budget"),
    "runs_ledgerline",
)


@dataclass(frozen=True, kw_only=True)
class Bench:
    """The servers of one call of `python -m benchmarks`, and what was asked for."""

    environment: stack.Environment
    logs: LogFiles
    #: How often each thing is measured.
    repeats: int
    #: A tenth of the work, to see that everything runs; its figures mean nothing.
    quick: bool
    #: Measure other systems beside ours, where a workload knows some.
    peers: bool = False

    def epics(self, number: int) -> int:
        """How many epics to take where `number` are called for."""
        return max(number // 10, 20) if self.quick else number

    def servers(self) -> dict[str, Tree]:
        """PostgreSQL and Redis."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            (backend,) = cursor.fetchone()
        return {
            "PostgreSQL": Tree.of(psutil.Process(backend).ppid()),
            "Redis": Tree.of(redis.client().info("server")["process_id"]),
        }

    @contextmanager
    def process(self, child: Child) -> Iterator[Tree]:
        """Run a process until the end of the block.

        Raises:
            ChildFailedError: it did not get ready.
        """
        with Supervisor(self.logs.line, signals=False) as supervisor:
            yield Tree.of(supervisor.start(child).process.pid)

    @contextmanager
    def worker(
        self,
        *,
        threads: int,
        entry: str = "celery",
        provider_url: str = "",
        name: str = "w1@%h",
        settings: Mapping[str, str] = MappingProxyType({}),
    ) -> Iterator[Tree]:
        """Run one worker, started as `make up` starts it, until the end of the block.

        Args:
            entry: the module to run instead of Celery's own.
            provider_url: whom it asks; by default nobody.
            name: its node name.
            settings: variables of its own.
        """
        environment = {
            **self.environment,
            "BATCHGEN_WORKER_CONCURRENCY": str(threads),
            **settings,
        }
        if provider_url:
            environment["ANTHROPIC_BASE_URL"] = provider_url
        usual = stack.worker(environment, web_address="")
        child = replace(
            usual,
            argv=_worker_argv(usual.argv, **{"-m": entry, "-c": str(threads), "-n": name}),
            ready=logged(r"answers with"),
            grace_s=30,
        )
        with self.process(child) as tree:
            yield tree

    def empty(self) -> None:
        """Take everything out of the database and Redis, so that each measurement starts alike."""
        with connection.cursor() as cursor:
            cursor.execute(f"TRUNCATE {', '.join(_EMPTIED)} CASCADE")
            cursor.execute("CHECKPOINT")
        redis.client().flushdb()


def _worker_argv(argv: Sequence[str], **changed: str) -> list[str]:
    pairs = zip(["", *argv], argv, strict=False)
    return [changed.get(before, argument) for before, argument in pairs]


@contextmanager
def bench(*, repeats: int, quick: bool, peers: bool = False) -> Iterator[Bench]:
    """Start the servers and set Django up on them; all is gone at the end of the block."""
    environment = stack.base_environment() | _FIXED
    for name in _NOT_OURS:
        environment.pop(name, None)
    with ExitStack() as opened:
        directory = opened.enter_context(scratch())
        logs = LogFiles(directory / "log")
        opened.callback(logs.close)
        supervisor = opened.enter_context(Supervisor(logs.line, signals=False))
        opened.enter_context(
            stack.servers(supervisor, directory, environment, durable=True, all_rights=True)
        )
        os.environ.update(environment)
        _set_up()
        yield Bench(environment=environment, logs=logs, repeats=repeats, quick=quick, peers=peers)


def _set_up() -> None:
    for name in _NOT_OURS[2:]:
        os.environ.pop(name, None)
    django.setup()
    call_command("migrate", verbosity=0)
    with connection.cursor() as cursor:
        cursor.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")


def python(name: str, *argv: str) -> list[str]:
    """The command that runs a module with this Python."""
    return [sys.executable, "-m", name, *argv]


ROOT = Path(__file__).resolve().parents[1]
