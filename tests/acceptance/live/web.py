"""The web process as operators start it, on the test's database, and somebody signed in."""

import signal
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import httpx2
from django.contrib.auth.models import User
from rest_framework_simplejwt.tokens import AccessToken

from batchgen.local import stack
from batchgen.local.child import Running
from batchgen.local.local_dir import free_port
from batchgen.local.supervisor import Supervisor
from runs.models import Run
from tests.acceptance.fleet import database_url
from tests.acceptance.live.watcher import Watcher


@dataclass
class Web:
    """A running web process."""

    url: str
    running: Running
    user: User

    def of(self, user: User) -> "Web":
        """The same, with this user signed in."""
        return replace(self, user=user)

    def token(self, user: User | None = None) -> str:
        """An access token."""
        return str(AccessToken.for_user(user or self.user))

    def events(self, run: Run) -> str:
        """Where the run's stream is."""
        return f"{self.url}/api/v1/runs/{run.id}/events"

    def watch(self, run: Run, **options: Any) -> Watcher:
        """Follow the run, as its owner."""
        return Watcher(self.events(run), **{"token": self.token(), **options})

    def opens(self, run: Run) -> int:
        """The status with which the run's stream opens; it is closed again."""
        headers = {"Authorization": f"Bearer {self.token()}"}
        with httpx2.stream("GET", self.events(run), headers=headers, trust_env=False) as opened:
            return opened.status_code

    def call(self, method: str, path: str, *, user: User | None = None, **options: Any) -> Any:
        """One request, signed in; any answer."""
        headers = {"Authorization": f"Bearer {self.token(user)}", **options.pop("headers", {})}
        return self.plain(method, path, headers=headers, **options)

    def plain(self, method: str, path: str, **options: Any) -> Any:
        """One request as it is given; any answer."""
        with httpx2.Client(trust_env=False, timeout=10) as client:
            return client.request(method, f"{self.url}/api/v1{path}", **options)


def web_start(supervisor: Supervisor, user: User, *, redis_url: str = "", **settings: str) -> Web:
    """Start a web process; the supervisor kills it."""
    port = free_port()
    environment = {**stack.base_environment(), "DATABASE_URL": database_url(), **settings}
    child = replace(stack.web(environment, "127.0.0.1", port), stop_signal=signal.SIGKILL)
    running = supervisor.start(child)
    return Web(url=f"http://127.0.0.1:{port}", running=running, user=user)


Starter = Callable[..., Web]
