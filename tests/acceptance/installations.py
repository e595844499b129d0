"""Installations beside the suite's own: a database each, and the program's processes on it."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import psycopg

from batchgen.local import stack
from batchgen.local.child import Child, Running
from batchgen.local.local_dir import ROOT, free_port
from batchgen.local.supervisor import Supervisor
from tests.acceptance.fleet import database_url


@dataclass
class Installation:
    """A database, and how processes on it are started."""

    environment: dict[str, str]
    opened: ExitStack
    sink: Callable[[str, str], None]
    #: Where the program is that is started from now on.
    program: Path = ROOT

    def manage(self, *words: str) -> str:
        """What a command prints."""
        done = subprocess.run(
            [sys.executable, "manage.py", *words],
            env=self.environment,
            cwd=self.program,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def query(self, sql: str, *params: object) -> list[tuple[object, ...]]:
        """Rows of the database."""
        with psycopg.connect(self.environment["DATABASE_URL"]) as connection:
            return connection.execute(sql, params or None).fetchall()

    def work(self, name: str = "w1", *, concurrency: int = 20) -> Running:
        """A worker, once it is on the books."""
        child = stack.worker(self.environment, "")
        argv = [each.replace("w1@%h", f"{name}@test") for each in child.argv]
        argv[argv.index("-c") + 1] = str(concurrency)
        named = "SELECT count(*) FROM runs_worker WHERE name = %s"
        ((before,),) = self.query(named, f"{name}@test")
        on_the_books = lambda _: self.query(named, f"{name}@test") != [(before,)]  # noqa: E731
        return self._start(replace(child, argv=argv, ready=on_the_books))

    def serve(self) -> Running:
        """A web process."""
        return self._start(stack.web(self.environment, "127.0.0.1", free_port()))

    def _start(self, child: Child) -> Running:
        # One supervisor each: another that ended is no reason to fail.
        supervisor = self.opened.enter_context(Supervisor(self.sink, signals=False))
        return supervisor.start(replace(child, cwd=self.program))


@contextmanager
def database(create: str = "CREATE DATABASE {name}") -> Iterator[tuple[str, dict[str, str]]]:
    """A database, its name, and the environment of who uses it."""
    name = f"installation_{uuid4().hex}"
    with psycopg.connect(database_url(), autocommit=True) as server:
        server.execute(create.format(name=name))
        environment = {
            **stack.base_environment(),
            "DATABASE_URL": urlunsplit(urlsplit(database_url())._replace(path=f"/{name}")),
            "BATCHGEN_PROVIDER_NAME": "simulator",
            "BATCHGEN_PASSWORD": "secret",
        }
        del environment["BATCHGEN_REDIS_PREFIX"]
        try:
            yield name, environment
        finally:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)")
