"""Whoever uses the installation over HTTP: a program with a token, and somebody at the pages."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any
from uuid import uuid4

import httpx2
from django.contrib.auth.models import User

from tests.factories import token_made

_TRIES, _PAUSE_S, _PATIENCE_S = 20, 0.5, 30
PASSWORD = "secret"
_READ = (
    "/",
    "/runs/",
    "/queue/",
    "/money/",
    "/ops/",
    "/api/v1/runs",
    "/api/v1/queue/status",
    "/api/v1/ledger/summary",
    "/metrics",
    "/readyz",
)
_READ_OF_RUN = (
    "/runs/{run}/",
    "/projects/{project}/",
    "/api/v1/runs/{run}/items",
    "/api/v1/runs/{run}/logs",
    "/api/v1/runs/{run}/health",
    "/api/v1/projects/{project}/export",
)


@dataclass(kw_only=True)
class People:
    """Clients of all web processes; they try the next one where one is away."""

    urls: Sequence[str]
    user: User
    random: Random
    #: Answers by their status; 0: the connection was lost.
    statuses: Counter[int] = field(default_factory=Counter)
    _turn: int = 0

    def __post_init__(self) -> None:
        """With a token that does not end, and two cookies' jars."""
        self.token = token_made(self.user, write=True, contents=True)[1]
        self._program = httpx2.Client(trust_env=False, timeout=_PATIENCE_S)
        self._browser = httpx2.Client(trust_env=False, timeout=_PATIENCE_S, follow_redirects=True)

    def close(self) -> None:
        """Close the connections."""
        self._program.close()
        self._browser.close()

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """The program's request; status and `data`, or what it was refused for. It asks again where
        it was not answered, with the same Idempotency-Key."""
        headers = {"authorization": f"Bearer {self.token}"}
        if method == "POST":
            headers["idempotency-key"] = str(uuid4())
        for _ in range(_TRIES):
            answer = self._sent(self._program, method, f"/api/v1{path}", headers=headers, json=body)
            if answer is not None and answer.status_code < 500:
                told = answer.json() if answer.content else {}
                return answer.status_code, told.get("data") or told
            time.sleep(_PAUSE_S)
        raise AssertionError(f"{method} {path} is not answered")

    def sign_in(self) -> None:
        """By the API, for tokens that nobody uses, and by the pages."""
        given = {"username": self.user.username, "password": PASSWORD}
        self._sent(self._program, "POST", "/api/v1/auth/token", json=given)
        self._browser.cookies.clear()
        if self._sent(self._browser, "GET", "/sign-in/") is not None:
            form = {**given, "csrfmiddlewaretoken": self._browser.cookies.get("csrftoken", "")}
            self._sent(self._browser, "POST", "/sign-in/", data=form)

    def read(self, run: str, project: str) -> None:
        """Look at something, as people do."""
        path = self.random.choice([*_READ, *_READ_OF_RUN]).format(run=run, project=project)
        headers = {}
        if path.startswith("/api/"):
            headers["authorization"] = f"Bearer {self.token}"
        self._sent(self._browser, "GET", path, headers=headers)

    def _sent(
        self, client: httpx2.Client, method: str, path: str, **options: Any
    ) -> httpx2.Response | None:
        self._turn += 1
        url = self.urls[self._turn % len(self.urls)]
        try:
            answer = client.request(method, f"{url}{path}", **options)
        except httpx2.TransportError:
            self.statuses[0] += 1
            return None
        self.statuses[answer.status_code] += 1
        return answer
