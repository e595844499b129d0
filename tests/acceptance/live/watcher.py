"""Clients of event streams, as programs and browsers are: they read, lose the line, come back."""

import json
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any

import httpx2

_WAIT_S = 20


@dataclass(frozen=True, kw_only=True)
class Message:
    """One event as it arrived."""

    name: str
    id: str
    data: Any

    @property
    def place(self) -> tuple[int, ...]:
        """The id in its order."""
        return tuple(map(int, self.id.split("-")))


@dataclass
class Parser:
    """Server-Sent Events, line by line."""

    _fields: dict[str, str] = field(default_factory=dict)

    def take(self, line: str) -> Message | None:
        """The message that this line ends."""
        if line:
            name, _, value = line.partition(": ")
            self._fields[name] = value
            return None
        found, self._fields = self._fields, {}
        if "event" not in found:
            return None
        return Message(name=found["event"], id=found.get("id", ""), data=json.loads(found["data"]))


class Watcher:
    """Follows one stream in a thread, until its end, 204 or `close`.

    With `cuts` it hangs up so often, each time after some random number of messages, and goes on
    from the last id that it got, as a browser does.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str = "",
        cookie: str = "",
        cuts: int = 0,
        seed: int = 0,
        **query: str,
    ) -> None:
        self.messages: list[Message] = []
        self.statuses: list[int] = []
        self._url, self._query = url, query
        self._headers = {"Accept": "text/event-stream"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        if cookie:
            self._headers["Cookie"] = cookie
        self._cuts, self._random = cuts, Random(seed)
        self._last_id = ""
        self._closed = threading.Event()
        self._changed = threading.Condition()
        self._response: httpx2.Response | None = None
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def of(self, name: str) -> list[Any]:
        """The data of the messages of this name."""
        return [message.data for message in list(self.messages) if message.name == name]

    def wait(self, condition: Callable[[], object], what: str) -> None:
        """Until it holds; asked again with every message."""
        with self._changed:
            held = self._changed.wait_for(lambda: bool(condition()), timeout=_WAIT_S)
        assert held, f"not within {_WAIT_S} s: {what}; so far {[m.name for m in self.messages]}"

    def wait_for(self, name: str, count: int = 1) -> None:
        """Until so many messages of this name have come."""
        self.wait(lambda: len(self.of(name)) >= count, f"{count} x {name}")

    def wait_over(self) -> None:
        """Until it has nothing more to follow."""
        self._thread.join(_WAIT_S)
        assert not self._thread.is_alive(), f"still open after {[m.name for m in self.messages]}"

    def close(self) -> None:
        """Hang up for good."""
        self._closed.set()
        if self._response is not None:
            line = self._response.extensions["network_stream"].get_extra_info("socket")
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
        self._thread.join(5)

    def _follow(self) -> None:
        timeout = httpx2.Timeout(10, read=60)
        with httpx2.Client(trust_env=False, timeout=timeout) as client:
            while not self._closed.is_set() and self._once(client):
                pass

    def _once(self, client: httpx2.Client) -> bool:
        """One connection; whether to come back."""
        last = {"Last-Event-ID": self._last_id} if self._last_id else {}
        stay = self._random.randint(1, 12) if self._cuts else 0
        try:
            with client.stream(
                "GET", self._url, params=self._query, headers={**self._headers, **last}
            ) as response:
                self._response = response
                self._note(self.statuses, response.status_code)
                if response.status_code != 200:
                    return False
                return self._read(response, stay)
        except httpx2.HTTPError:
            return not self._closed.wait(0.1)

    def _read(self, response: httpx2.Response, stay: int) -> bool:
        parser = Parser()
        for line in response.iter_lines():
            message = parser.take(line)
            if message is None:
                continue
            self._last_id = message.id or self._last_id
            self._note(self.messages, message)
            stay -= 1
            if self._cuts and not stay:
                self._cuts -= 1
                return True
        return not self._closed.wait(0.05)

    def _note(self, notes: list[Any], note: object) -> None:
        with self._changed:
            notes.append(note)
            self._changed.notify_all()
