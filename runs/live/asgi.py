"""ASGI application for event streams, around Django's.

A view that grants a stream hands it over. Django then ends the request as any other, gives its
thread and its database connections back, and what follows costs a queue and a socket.
"""

import asyncio
import random
import signal
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from types import FrameType
from typing import Any

from django.conf import settings
from rest_framework.renderers import JSONRenderer

from batchgen.db.clock import DATABASE
from batchgen.http.health import prefix_refusal
from batchgen.web.connection import ABORT
from runs.live.admission import admission
from runs.live.events import Event, Name, Position, frame, retry_frame, without_controls
from runs.live.follower import Follower
from runs.live.rights import Right, ended
from runs.live.subscriber import Subscriber

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Any, Any, Any], Awaitable[None]]

_HANDOVER = "batchgen.live"
#: Browsers come back after about so long; not all at once when a server went away.
_RETRY_MS = (1000, 3000)
#: A client that does not read gets so long at the end before its stream is cut.
_LAST_WORDS_S = 1.0
_PART_BYTES = 65_536
#: How long a thread may hold the interpreter while others wait, in seconds. With Python's own 5 ms
#: the loop, which serves all streams, waits so long behind each request that is being computed.
_SWITCH_INTERVAL_S = 0.001
_CHECKS = ThreadPoolExecutor(max_workers=1, thread_name_prefix="live-check")


@dataclass(frozen=True, kw_only=True, slots=True)
class Stream:
    """A stream that a view granted, and that was counted for its user."""

    right: Right
    after: Position | None
    #: When its sign-in ends, in seconds from now; None: when the right does.
    life_s: float | None


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class _Served:
    """A stream that is open."""

    stream: Stream
    subscriber: Subscriber
    pump: "asyncio.Task[None]"

    def end(self) -> None:
        """Soon, also where the client does not read."""
        self.subscriber.close()
        asyncio.get_running_loop().call_later(_LAST_WORDS_S, self.pump.cancel)

    def cut(self) -> None:
        """The same, and what waits for the client is not for it any more."""
        self.subscriber.clear()
        self.end()


class _Handover:
    """Where a view leaves its stream, in the scope of the request."""

    def __init__(self) -> None:
        self.stream: Stream | None = None


def hand_over(scope: Message, stream: Stream) -> None:
    """Have the stream served once Django's response (its head alone) is there.

    Without an EventStreams around Django, as in Django's test client, nothing follows the head.

    Raises:
        Throttled, Unavailable: the user, or the process, has too many open.
    """
    handover = scope.get(_HANDOVER)
    if isinstance(handover, _Handover):
        admission.enter(stream.right.user_id)
        handover.stream = stream


class EventStreams:
    """Around Django's application; also ends the streams when the server is told to stop."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._follower: Follower | None = None
        self._open: set[_Served] = set()
        self._watch: asyncio.Task[None] | None = None
        self._stopping = False

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        handover = _Handover()
        held: list[Message] = []

        async def pass_on(message: Message) -> None:
            if handover.stream is None:
                await send(message)
            else:
                held.append(message)

        try:
            await self._app({**scope, _HANDOVER: handover}, receive, pass_on)
            stream = handover.stream
            if stream and held and not await self._serve(stream, held[0], receive, send):
                _abort(scope)
        finally:
            if handover.stream is not None:
                admission.leave(handover.stream.right.user_id)

    async def _serve(self, stream: Stream, head: Message, receive: Receive, send: Send) -> bool:
        """Until the end; whether all was written that was to be."""
        if head["status"] != 200:  # a middleware had another opinion
            await send(head)
            await send({"type": "http.response.body"})
            return True
        headers = [each for each in head["headers"] if each[0].lower() != b"content-length"]
        subscriber = Subscriber(run_id=stream.right.run_id, after=stream.after)
        follower = self._follower = self._follower or Follower()
        follower.join(subscriber)
        gone = asyncio.ensure_future(_end_when_gone(receive, subscriber))
        pump = asyncio.ensure_future(_pump(stream, subscriber, {**head, "headers": headers}, send))
        served = _Served(stream=stream, subscriber=subscriber, pump=pump)
        self._open.add(served)
        if self._watch is None or self._watch.done():
            self._watch = asyncio.ensure_future(self._watch_rights())
        life_s = 0 if self._stopping else stream.life_s
        loop = asyncio.get_running_loop()
        end = None if life_s is None else loop.call_later(life_s, served.end)
        try:
            await asyncio.wait([gone, pump], return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait([pump], timeout=_LAST_WORDS_S)
        finally:
            self._open.remove(served)
            if end is not None:
                end.cancel()
            follower.leave(subscriber)
            for task in (gone, pump):
                task.cancel()
            await asyncio.gather(gone, pump, return_exceptions=True)
        return not pump.cancelled()

    def _stop(self) -> None:
        self._stopping = True
        for served in self._open:
            served.end()

    async def _watch_rights(self) -> None:
        """End the streams whose rights have, as long as any are open."""
        while self._open:
            await asyncio.sleep(settings.LIVE_CHECK_S)
            asked = [served.stream.right for served in self._open]
            gone = await asyncio.get_running_loop().run_in_executor(_CHECKS, ended, asked)
            for served in self._open:
                if served.stream.right in gone:
                    served.cut()

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        loop = asyncio.get_running_loop()
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                if refusal := await asyncio.to_thread(prefix_refusal):
                    await send({"type": "lifespan.startup.failed", "message": refusal})
                    return
                sys.setswitchinterval(_SWITCH_INTERVAL_S)
                # The server waits for open responses before it tells of its end.
                for number in (signal.SIGTERM, signal.SIGINT):
                    _also_on(number, lambda: loop.call_soon_threadsafe(self._stop))
            elif self._follower is not None:
                self._follower.close()
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return


async def _pump(stream: Stream, subscriber: Subscriber, head: Message, send: Send) -> None:
    """Send what comes, a heartbeat at its times, and the end."""
    await send(head)
    await _send(send, retry_frame(random.randint(*_RETRY_MS)))  # noqa: S311 - it spreads load
    clock = asyncio.get_running_loop().time
    beat = clock() + settings.LIVE_HEARTBEAT_S
    while (content := await subscriber.next(until=beat)) is not None:
        if content:
            await _send(send, content if stream.right.may_control else without_controls(content))
        if clock() >= beat:
            beat += settings.LIVE_HEARTBEAT_S
            await _send(send, _heartbeat())
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _send(send: Send, content: bytes) -> None:
    """In parts, so that the server sees whether the client reads."""
    for start in range(0, len(content), _PART_BYTES):
        part = content[start : start + _PART_BYTES]
        await send({"type": "http.response.body", "body": part, "more_body": True})


async def _end_when_gone(receive: Receive, subscriber: Subscriber) -> None:
    """Returns when the client is gone, or the stream was closed."""
    while (await receive())["type"] != "http.disconnect":
        pass
    subscriber.close()


def _abort(scope: Message) -> None:
    """End the connection of a client that does not read, where the server has a way to."""
    if extension := scope.get("extensions", {}).get(ABORT):
        extension["abort"]()


def _heartbeat() -> bytes:
    at = DATABASE.as_known().isoformat().replace("+00:00", "Z")
    data: bytes = JSONRenderer().render({"at": at})
    return frame(Event(name=Name.HEARTBEAT, data=data))


def _also_on(number: signal.Signals, react: Callable[[], object]) -> None:
    """React to a signal before whoever handles it now does. Not in a thread: it has no signals."""
    before = signal.getsignal(number)

    def handle(signal_number: int, at: FrameType | None) -> None:
        react()
        if callable(before):
            before(signal_number, at)

    with suppress(ValueError):
        signal.signal(number, handle)
