"""Clients of the API, many in one process: `python -m benchmarks.api_clients TASK.json`.

Each is a user with a connection of its own, who asks, reads the whole answer, and asks again. They
write down how long each answer took, and the process how much CPU it spent. Without Django and
without an HTTP library: the process that measures must not cost what it measures.
"""

import asyncio
import json
import re
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

_HEAD_END = b"\r\n\r\n"
_STATUS = re.compile(rb"HTTP/1\.1 (\d+)")
_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Task:
    """Whom to ask for what."""

    host: str
    #: Of the web processes, taken in turns by the clients.
    ports: list[int]
    #: One for each client.
    tokens: list[str]
    #: {name: addresses}; each request takes one address of one name, all names alike.
    requests: dict[str, list[str]]
    seconds: float
    #: From one request of a client to its next; 0: it asks again at once.
    pace_s: float
    out: str


@dataclass
class Found:
    """Seconds of each name's answers, and what was wrong with the others."""

    seconds: dict[str, list[float]]
    wrong: list[str]


async def main(task: Task) -> None:
    """Ask until the time is over, then write what was found."""
    found = Found(seconds=defaultdict(list), wrong=[])
    began, cpu = time.monotonic(), time.process_time()
    await asyncio.gather(*(_client(task, number, found) for number in range(len(task.tokens))))
    figures = {
        "seconds": found.seconds,
        "wrong": found.wrong,
        "elapsed_s": time.monotonic() - began,
        "cpu_s": time.process_time() - cpu,
    }
    Path(task.out).write_text(json.dumps(figures))


async def _client(task: Task, number: int, found: Found) -> None:
    random = Random(number)
    names, line = list(task.requests), _Line()
    port = task.ports[number % len(task.ports)]
    await asyncio.get_running_loop().create_connection(lambda: line, task.host, port)
    head = f"HTTP/1.1\r\nHost: {task.host}\r\nAuthorization: Bearer {task.tokens[number]}\r\n\r\n"
    end = time.monotonic() + task.seconds
    due = time.monotonic() + random.uniform(0, task.pace_s)
    while True:
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        asked = time.monotonic()
        if asked > end:
            return
        name = random.choice(names)
        address = random.choice(task.requests[name])
        status = await line.ask(f"GET {address} {head}".encode())
        found.seconds[name].append(time.monotonic() - asked)
        if status != 200:
            found.wrong.append(f"{status} {address}")
        # Who waited longer than that asks again after as long as the others, not sooner.
        due = max(due, asked) + random.uniform(0.5, 1.5) * task.pace_s


class _Line(asyncio.Protocol):
    """One connection that stays open, for one request at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.WriteTransport | None = None
        self._parts: list[bytes] = []
        self._missing: int | None = None
        self._answer: asyncio.Future[int] | None = None

    async def ask(self, request: bytes) -> int:
        """Send a request and read its answer to the end; the answer's status."""
        assert self._transport is not None
        self._parts, self._missing = [], None
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionError("The connection was closed."))

    def data_received(self, data: bytes) -> None:
        self._parts.append(data)
        if self._missing is not None:
            self._missing -= len(data)
        elif _HEAD_END in (read := b"".join(self._parts)):
            head, _, body = read.partition(_HEAD_END)
            length = _LENGTH.search(head)
            self._missing = (int(length[1]) if length else 0) - len(body)
        if self._missing == 0 and self._answer is not None:
            status = _STATUS.match(b"".join(self._parts))
            self._answer.set_result(int(status[1]) if status else 0)


def run(arguments: Sequence[str]) -> None:
    """With the name of a file that holds the task."""
    asyncio.run(main(Task(**json.loads(Path(arguments[0]).read_text()))))


if __name__ == "__main__":
    run(sys.argv[1:])
