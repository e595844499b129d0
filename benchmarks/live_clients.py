"""Clients of a run's event stream, many in one process: `python -m benchmarks.live_clients URL …`.

They note what arrives and when, by the clock that all processes of a machine share, and write it
down at the end. Without Django: the process that measures must not cost what it measures.
"""

import asyncio
import json
import re
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random
from urllib.parse import urlsplit

#: A client that came back this early would look for news before there can be any.
_LEAST_STAY_S = 0.05
_PROBE_S = 0.02
_PARTS = re.compile(
    rb'^id: (\S+)$|^data: {"seq":(\d+)|"epicCode":"(E\d+)","epicTitle":"[^"]*","runId":"[^"]*",'
    rb'"order":\d+,"status":"(\w+)"|^event: (reset)$',
    re.MULTILINE,
)
#: Between two parts of a body; an event may lie across them.
_CHUNK_HEAD = re.compile(rb"\r\n[0-9a-f]+\r\n")
_GRANTED = b"HTTP/1.1 200 "
_SETTLE_S = 1.0
_LONGEST_S = 30.0


@dataclass
class Seen:
    """What one client saw."""

    #: Ids in the order of their arrival.
    ids: list[str] = field(default_factory=list)
    #: Numbers of the log's lines, and when each came.
    lines: list[tuple[int, float]] = field(default_factory=list)
    #: `code status` of epics, when it came, and when its connection first had anything.
    epics: list[tuple[str, float, float]] = field(default_factory=list)
    resets: int = 0
    #: Answers other than a stream.
    refused: int = 0
    #: From the request to the first byte, of each connection after the first.
    back_s: list[float] = field(default_factory=list)
    connections: int = 0


@dataclass(frozen=True, kw_only=True)
class Task:
    """Where to, as whom, how often to hang up, for how long."""

    url: str
    token: str
    clients: int
    cuts: int
    seconds: float
    out: str


async def main(task: Task) -> None:
    """Follow until the time is over; the word `ready` says that all are connected."""
    seen = [Seen() for _ in range(task.clients)]
    begun = asyncio.Event()
    following = [
        asyncio.ensure_future(_client(task, each, begun, Random(place)))
        for place, each in enumerate(seen)
    ]
    while not all(each.ids for each in seen):
        await asyncio.sleep(0.05)
    print("ready", flush=True)
    begun.set()
    delays_ms = await _own_delays_ms(task.seconds)
    await _await_all(seen)
    for each in following:
        each.cancel()
    await asyncio.gather(*following, return_exceptions=True)
    partial = Path(f"{task.out}.part")
    found = {"delays_ms": delays_ms, "seen": [asdict(each) for each in seen]}
    partial.write_text(json.dumps(found))
    partial.rename(task.out)


async def _own_delays_ms(seconds: float) -> list[float]:
    """How late this process itself is, again and again until the time is over."""
    end, delays_ms = time.monotonic() + seconds, []
    while (began := time.monotonic()) < end:
        await asyncio.sleep(_PROBE_S)
        delays_ms.append((time.monotonic() - began - _PROBE_S) * 1000)
    return delays_ms


async def _await_all(seen: Sequence[Seen]) -> None:
    """Until no client lacks what another has, but not for ever."""
    end = time.monotonic() + _LONGEST_S
    while time.monotonic() < end:
        last = {each.lines[-1][0] if each.lines else 0 for each in seen}
        await asyncio.sleep(_SETTLE_S)
        if len(last) == 1 and last == {each.lines[-1][0] if each.lines else 0 for each in seen}:
            return


async def _client(task: Task, seen: Seen, begun: asyncio.Event, random: Random) -> None:
    line = await _connect(task, seen)
    await begun.wait()
    for _ in range(task.cuts):
        await asyncio.sleep(_LEAST_STAY_S + random.uniform(0, 0.9 * task.seconds / task.cuts))
        line.close()
        line = await _connect(task, seen)
    await asyncio.Event().wait()


async def _connect(task: Task, seen: Seen) -> asyncio.BaseTransport:
    address = urlsplit(task.url)
    came_from = f"Last-Event-ID: {seen.ids[-1]}\r\n" if seen.ids else ""
    seen.connections += 1
    transport, _ = await asyncio.get_running_loop().create_connection(
        lambda: _Reader(seen), str(address.hostname), address.port or 80
    )
    transport.write(
        f"GET {address.path} HTTP/1.1\r\nHost: {address.netloc}\r\n{came_from}"
        f"Authorization: Bearer {task.token}\r\n\r\n".encode()
    )
    return transport


class _Reader(asyncio.Protocol):
    """Notes the events of one connection, with as little work as it can: others wait."""

    def __init__(self, seen: Seen) -> None:
        self._seen = seen
        self._asked = time.monotonic()
        self._rest = b""
        self._since = 0.0

    def data_received(self, data: bytes) -> None:
        now = time.monotonic()
        if not self._since:
            self._since = now
            self._seen.back_s.append(now - self._asked)
            self._seen.refused += not data.startswith(_GRANTED)
        whole, end, self._rest = (self._rest + data).rpartition(b"\n\n")
        events = _CHUNK_HEAD.sub(b"", whole + end)
        for event_id, seq, code, status, name in _PARTS.findall(events):
            if event_id:
                self._seen.ids.append(event_id.decode())
            elif seq:
                self._seen.lines.append((int(seq), now))
            elif code:
                self._seen.epics.append((f"{code.decode()} {status.decode()}", now, self._since))
            elif name:
                self._seen.resets += 1


def run(arguments: Sequence[str]) -> None:
    """With the task as one JSON argument."""
    asyncio.run(main(Task(**json.loads(arguments[0]))))


if __name__ == "__main__":
    run(sys.argv[1:])
