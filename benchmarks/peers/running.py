"""Measure a peer: its tables made anew, its process, and what it did in a window."""

import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import connection

from batchgen.db.ids import new_id
from batchgen.local.child import Child
from benchmarks import runs
from benchmarks.bench import ROOT, Bench, python
from benchmarks.peers import bare_celery, work
from benchmarks.processes import Tree
from epics.models import Project


@dataclass(frozen=True, kw_only=True, slots=True)
class Peer:
    """Another way to do the same work."""

    module: str
    #: Its queue is filled before it starts; else it has none.
    sends: bool = True

    def command(self, what: str) -> list[str]:
        """The command line that has the peer `send` or `work`."""
        return python("benchmarks.peers", self.module, what)


#: In the order in which they are measured; bare Celery is started by its own command line.
PEERS: dict[str, Peer] = {
    "plain asyncio": Peer(module="plain_asyncio", sends=False),
    "procrastinate": Peer(module="on_procrastinate"),
    "DBOS": Peer(module="on_dbos"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """What a peer is to do: its run and items, in tables of its own."""

    run_id: str
    project_id: str
    item_ids: list[str]

    @classmethod
    def of(cls, project: Project) -> "Job":
        """Make the peers' tables anew, with a run of the project's epics."""
        run_id = str(new_id())
        with connection.cursor() as cursor:
            cursor.execute(work.TABLES)
            cursor.execute("INSERT INTO bare_run (id) VALUES (%s)", [run_id])
            cursor.execute(work.ITEMS, [run_id, project.id])
            ids = [str(item_id) for (item_id,) in cursor.fetchall()]
        return cls(run_id=run_id, project_id=str(project.id), item_ids=ids)

    def done(self) -> int:
        """How many of the epics are done."""
        with connection.cursor() as cursor:
            cursor.execute(work.DONE, [self.run_id])
            (done,) = cursor.fetchone()
        return int(done)


@contextmanager
def peer(
    bench: Bench, name: str, job: Job, *, lanes: int, provider_url: str = ""
) -> Iterator[Tree]:
    """Let a peer of PEERS do the job until the end of the block."""
    one, environment = PEERS[name], _environment(bench, lanes, provider_url)
    if one.sends:
        subprocess.run(
            one.command("send"), env=environment, cwd=ROOT, check=True, stdout=subprocess.DEVNULL
        )
    argv = one.command("work")
    with bench.process(Child(name=name, argv=argv, env=environment, cwd=ROOT, grace_s=2)) as tree:
        yield tree


@contextmanager
def celery(
    bench: Bench,
    job: Job,
    *,
    lanes: int,
    provider_url: str = "",
    variant: str = bare_celery.SAME,
) -> Iterator[Tree]:
    """Let bare Celery do the job until the end of the block; its messages are sent meanwhile."""
    options = ("-P", "threads", "-c", str(lanes), "-n", "bare@%h")
    quiet = ("--without-gossip", "--without-mingle", "-l", "WARNING")
    child = Child(
        name="bare-celery",
        argv=python("celery", "-A", bare_celery.__name__, "worker", *options, *quiet),
        env={**_environment(bench, lanes, provider_url), "BARE_VARIANT": variant},
        cwd=ROOT,
    )
    with bench.process(child) as worker:
        # The worker is up once it has done one; the rest is sent while it works.
        _send(job, job.item_ids[:1])
        runs.await_count(job.done, 1)
        sender = threading.Thread(target=_send, args=(job, job.item_ids[1:]))
        sender.start()
        yield worker
        sender.join()


def _send(job: Job, item_ids: list[str]) -> None:
    for item_id in item_ids:
        bare_celery.generate_epic.delay(item_id, job.project_id)


def _environment(bench: Bench, lanes: int, provider_url: str) -> Mapping[str, str]:
    kept = {k: v for k, v in bench.environment.items() if k != "DJANGO_SETTINGS_MODULE"}
    return {**kept, work.LANES: str(lanes), work.PROVIDER_URL: provider_url}
