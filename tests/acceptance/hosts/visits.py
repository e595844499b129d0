"""Clients from outside, who ask for something all the time."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx2

from tests.acceptance.hosts.front import PATIENCE_S, Front

if TYPE_CHECKING:  # which reads the settings
    from tests.acceptance.faults.scene import Scene

_EVERY_S = 0.5
#: That ask at the same time.
CLIENTS = 2
#: Of an answer that is shown.
_TOLD_CHARS = 120


@dataclass(frozen=True, kw_only=True, slots=True)
class Visit:
    """One request from outside; times are monotonic seconds.

    Attributes:
        status: 0 where no answer came.
        told: what was answered, for people.
        is_clear: a failure has a code, and says when to ask again.
    """

    asked: float
    answered: float
    method: str
    status: int
    told: str
    is_clear: bool


@dataclass
class Visits:
    """All requests of the clients."""

    made: list[Visit] = field(default_factory=list)

    def failed(self, begun: float, ended: float) -> list[Visit]:
        """Those under way in that time which did not do what they were to."""
        return [
            visit
            for visit in self.made
            if visit.asked <= ended and visit.answered >= begun and not 200 <= visit.status < 300
        ]


@contextmanager
def visited(front: Front, scene: "Scene", visits: Visits) -> Iterator[None]:
    """Clients read the run, make projects and delete them, until the end of the block."""
    stop = threading.Event()
    threads = [
        threading.Thread(target=_visit, args=(front, scene, visits, stop), daemon=True)
        for _ in range(CLIENTS)
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(2 * PATIENCE_S)


def _visit(front: Front, scene: "Scene", visits: Visits, stop: threading.Event) -> None:
    # The settings are read by now.
    from rest_framework_simplejwt.tokens import AccessToken

    # Each on a connection of its own, as strangers come.
    def ask(method: str, path: str, **options: Any) -> httpx2.Response | None:
        asked, answer = time.monotonic(), None
        with front.client() as client:
            client.headers["authorization"] = f"Bearer {AccessToken.for_user(scene.user)}"
            with suppress(httpx2.TransportError):
                answer = client.request(method, f"/api/v1{path}", **options)
        visits.made.append(_visit_of(asked, method, answer))
        return answer

    while not stop.wait(_EVERY_S):
        ask("GET", f"/runs/{scene.run.id}")
        made = ask("POST", "/projects", json={"name": "Made by a visitor"})
        if made is not None and made.status_code == 201:
            ask("DELETE", f"/projects/{made.json()['data']['id']}")


def _visit_of(asked: float, method: str, answer: httpx2.Response | None) -> Visit:
    status, told, is_clear = 0, "no answer", False
    if answer is not None:
        status, told = answer.status_code, f"{answer.status_code} {answer.text[:_TOLD_CHARS]}"
        is_clear = '"code":' in answer.text and "retry-after" in answer.headers
    return Visit(
        asked=asked,
        answered=time.monotonic(),
        method=method,
        status=status,
        told=told,
        is_clear=is_clear,
    )
