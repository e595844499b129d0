"""Workers as operators start them, and waiting for what they do."""

import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from urllib.parse import quote

from django.db import connection
from django.utils.timezone import now

from batchgen.local.child import Child, Running
from batchgen.local.local_dir import ROOT
from batchgen.local.supervisor import Supervisor
from runs.models import Run, Worker

#: What a worker had that is killed is given to others after 3 s, and not 10.
_MORTAL = {"BATCHGEN_WORKER_LEASE_S": "3"}


def database_url() -> str:
    """The test database, for a process of its own."""
    db = connection.settings_dict
    host = quote(db["HOST"], safe="")
    port = f":{db['PORT']}" if db["PORT"] else ""
    password = f":{quote(db['PASSWORD'])}" if db["PASSWORD"] else ""
    return f"postgresql://{quote(db['USER'])}{password}@{host}{port}/{db['NAME']}"


def wait_for(condition: Callable[[], object], what: str, *, timeout_s: float = 60) -> None:
    """Poll until the condition holds; fails with `what` when it does not in time."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"after {timeout_s} s still not: {what}"
        time.sleep(0.02)


def wait_until_ended(*runs: Run, timeout_s: float = 60) -> None:
    """Wait for the end of runs, and read them again."""
    ids = [run.id for run in runs]
    wait_for(
        lambda: not Run.objects.filter(id__in=ids, completed_at__isnull=True).exists(),
        f"{len(ids)} runs ended",
        timeout_s=timeout_s,
    )
    for run in runs:
        run.refresh_from_db()


@dataclass
class Fleet:
    """Starts workers; leaving the stack kills those that are left at the end of the test.

    What a stop in good order would tidy is emptied then.
    """

    stack: ExitStack
    sink: Callable[[str, str], None]
    provider_url: str
    #: Settings for the workers that are started from now on.
    environment: dict[str, str] = field(default_factory=dict)
    #: The module that is Celery's command line to them.
    command: str = "celery"

    def start(
        self,
        name: str = "w1",
        *,
        concurrency: int = 20,
        registers: bool = True,
        mortal: bool = False,
    ) -> Running:
        """Start a worker, and wait until it is registered where it is to be.

        Args:
            mortal: the test is going to kill it.
        """
        begun = now()
        options = f"-P threads -c {concurrency} -n {name}@test --without-gossip --without-mingle"
        argv = [sys.executable, "-m", self.command, "-A", "batchgen", "worker", *options.split()]
        # One supervisor each: a worker may end while another is started.
        supervisor = self.stack.enter_context(Supervisor(self.sink, signals=False))
        return supervisor.start(
            Child(
                name=name,
                argv=argv,
                cwd=ROOT,
                stop_signal=signal.SIGKILL,
                env={
                    **os.environ,
                    "DATABASE_URL": database_url(),
                    "ANTHROPIC_BASE_URL": self.provider_url,
                    "BATCHGEN_PROVIDER_NAME": "simulator",
                    **self.environment,
                    **(_MORTAL if mortal else {}),
                },
                ready=lambda _: (
                    not registers
                    or Worker.objects.filter(name=f"{name}@test", started_at__gt=begun).exists()
                ),
            )
        )
