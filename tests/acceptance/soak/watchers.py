"""Who watches runs: one for as long as it all takes, some who come and go, one who never reads."""

import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from urllib.parse import urlsplit
from uuid import UUID

from tests.acceptance.live.watcher import Watcher

#: Of those who come and go, at the same time.
_GUESTS = 3
_STAY_S = (2.0, 40.0)
#: After so long who does not read comes anew.
_SLEEP_S = 300.0


@dataclass(kw_only=True)
class Sleeper:
    """Opens a stream and reads nothing of it; opens another one when it was cut off, or later."""

    url: str
    run_id: UUID
    token: str
    opened: int = 0

    def __post_init__(self) -> None:
        """Begin."""
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._sleep, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Hang up for good."""
        self._closed.set()
        self._thread.join(5)

    def _sleep(self) -> None:
        place = urlsplit(self.url)
        asked = (
            f"GET /api/v1/runs/{self.run_id}/events HTTP/1.1\r\nHost: {place.netloc}\r\n"
            f"Authorization: Bearer {self.token}\r\nAccept: text/event-stream\r\n\r\n"
        )
        while not self._closed.wait(1):
            with suppress(OSError), socket.socket() as line:
                line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                line.connect((place.hostname, place.port))
                line.sendall(asked.encode())
                self.opened += 1
                self._closed.wait(_SLEEP_S)


@dataclass(kw_only=True)
class Guests:
    """Clients that watch some run for a while, hang up in between, and go."""

    urls: Sequence[str]
    token: str
    random: Random
    statuses: Counter[int] = field(default_factory=Counter)
    messages: int = 0
    _there: list[tuple[float, Watcher]] = field(default_factory=list)

    def change(self, pick: Callable[[], UUID]) -> None:
        """Let those go whose time is over, and one come where there is room."""
        now = time.monotonic()
        for leaves, watcher in list(self._there):
            if now >= leaves:
                self._there.remove((leaves, watcher))
                self._let_go(watcher)
        if len(self._there) < _GUESTS:
            url = f"{self.random.choice(self.urls)}/api/v1/runs/{pick()}/events"
            cuts = self.random.choice((0, 0, 3))
            watcher = Watcher(url, token=self.token, cuts=cuts, seed=self.random.randrange(1000))
            self._there.append((now + self.random.uniform(*_STAY_S), watcher))

    def close(self) -> None:
        """Let all go."""
        for _, watcher in self._there:
            self._let_go(watcher)
        self._there.clear()

    def _let_go(self, watcher: Watcher) -> None:
        watcher.close()
        self.statuses.update(watcher.statuses)
        self.messages += len(watcher.messages)
