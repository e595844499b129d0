"""HTTP/1.1 on a bare asyncio protocol: one connection, its requests one after the other."""

import asyncio
import socket
import struct
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import cast

import httptools

MAX_BODY_BYTES = 32 * 1024 * 1024
MAX_BATCH_BYTES = 256 * 1024 * 1024
BATCHES = "/v1/messages/batches"

_KEPT_HEADERS = frozenset(
    (
        b"authorization",
        b"x-api-key",
        b"anthropic-version",
        b"x-stainless-retry-count",
        b"content-type",
        b"expect",
        b"host",
    )
)
_LINGER_NONE = struct.pack("ii", 1, 0)
"""SO_LINGER on, 0 seconds: closing sends RST instead of FIN."""
_UNREADABLE = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class Request:
    """One request, read to its end. Only headers that matter here are kept, in lower case.

    Attributes:
        arrived_s: when its first bytes were read, in monotonic seconds.
    """

    __slots__ = ("arrived_s", "body", "headers", "keep_alive", "method", "target", "too_large")

    def __init__(self) -> None:
        self.arrived_s = time.monotonic()
        self.method = ""
        self.target = b""
        self.headers: dict[bytes, bytes] = {}
        self.body = b""
        self.too_large = False
        self.keep_alive = True

    @property
    def path(self) -> str:
        """The path without its query."""
        return self.target.partition(b"?")[0].decode("latin-1")

    @property
    def most_bytes(self) -> int:
        """How long its body may be."""
        return MAX_BATCH_BYTES if self.path == BATCHES else MAX_BODY_BYTES

    @property
    def query(self) -> str:
        """The query without its question mark; may be empty."""
        return self.target.partition(b"?")[2].decode("latin-1")

    def header(self, name: bytes) -> str | None:
        """A header's value, or None."""
        value = self.headers.get(name)
        return None if value is None else value.decode("latin-1").strip()


class Exchange:
    """A request and the means to answer it, now or later.

    Exactly one of `finish`, `cut` and `reset` ends it. When the client leaves before that,
    pending steps are dropped and `on_abandoned` is called at once.
    """

    __slots__ = ("_connection", "_rest", "_timer", "gone", "on_abandoned", "request")

    def __init__(self, connection: "Connection", request: Request) -> None:
        self._connection = connection
        self._timer: asyncio.Handle | None = None
        self._rest: tuple[Iterator[bytes], Callable[[], None]] | None = None
        self.request = request
        self.gone = False
        self.on_abandoned: Callable[[], None] | None = None

    def after(self, delay_s: float, step: Callable[[], None]) -> None:
        """Run `step` in `delay_s` seconds; at once when that is 0."""
        if delay_s <= 0:
            step()
        else:
            self._timer = asyncio.get_running_loop().call_later(delay_s, step)

    def next_turn(self, step: Callable[[], None]) -> None:
        """Run `step` after whatever else waits; also when the client leaves."""
        asyncio.get_running_loop().call_soon(step)

    def send(self, data: bytes) -> None:
        """Send a piece of the answer."""
        self._connection.transport.write(data)

    def send_all(self, pieces: Iterator[bytes], then: Callable[[], None]) -> None:
        """Send pieces as fast as the client takes them, one in memory at a time, then go on."""
        self._rest = (pieces, then)
        self.resume()

    def resume(self) -> None:
        """Send the next of `send_all`'s pieces, unless the client has enough to read."""
        if self._rest is None or self._connection.paused:
            return
        pieces, then = self._rest
        piece = next(pieces, None)
        if piece is None:
            self._rest = None
            then()
        else:
            self.send(piece)
            if not self._connection.paused:
                self._timer = asyncio.get_running_loop().call_soon(self.resume)

    def finish(self) -> None:
        """The answer is complete; the connection takes its next request."""
        self._connection.done(keep_alive=self.request.keep_alive)

    def cut(self) -> None:
        """Close the connection with the answer incomplete."""
        self._connection.done(keep_alive=False)

    def reset(self) -> None:
        """Break the connection with a TCP RST."""
        transport = self._connection.transport
        plug = transport.get_extra_info("socket")
        plug.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NONE)
        self._connection.forget()
        transport.abort()

    def abandon(self) -> None:
        """The client has left."""
        self.gone = True
        self._rest = None
        if self._timer is not None:
            self._timer.cancel()
        if self.on_abandoned is not None:
            self.on_abandoned()


Handler = Callable[[Exchange], None]


class Connection(asyncio.Protocol):
    """One client's connection. Pipelined requests wait for their turn."""

    transport: asyncio.Transport

    def __init__(self, handler: Handler, connections: set["Connection"]) -> None:
        self._handler = handler
        self._connections = connections
        self._parser = httptools.HttpRequestParser(self)
        self._waiting: deque[Request] = deque()
        self._exchange: Exchange | None = None
        self._request = Request()
        self._chunks: list[bytes] = []
        self._size = 0
        self._most_bytes = MAX_BODY_BYTES
        self._open = True
        self.paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's own class, same methods
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._open = False
        self._connections.discard(self)
        self._waiting.clear()
        if self._exchange is not None:
            exchange, self._exchange = self._exchange, None
            exchange.abandon()

    def pause_writing(self) -> None:
        self.paused = True

    def resume_writing(self) -> None:
        self.paused = False
        if self._exchange is not None:
            self._exchange.resume()

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            if self._is_idle:
                self.transport.write(_UNREADABLE)
            self.transport.close()

    # The parser's callbacks.

    def on_message_begin(self) -> None:
        self._request = Request()
        self._chunks = []
        self._size = 0

    def on_url(self, url: bytes) -> None:
        self._request.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        if name in _KEPT_HEADERS:
            self._request.headers[name] = value

    def on_headers_complete(self) -> None:
        self._most_bytes = self._request.most_bytes
        if self._request.header(b"expect") and self._is_idle:
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        """Collect the body. One that is too large is read to its end, so that the client
        gets to see the answer, but not kept."""
        self._size += len(body)
        if self._size > self._most_bytes:
            self._request.too_large = True
            self._chunks.clear()
        else:
            self._chunks.append(body)

    def on_message_complete(self) -> None:
        request = self._request
        request.method = self._parser.get_method().decode("ascii")
        request.keep_alive = self._parser.should_keep_alive()
        request.body = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        self._chunks = []
        self._waiting.append(request)
        # What else arrived at this moment is read first, or it would seem to have come later.
        asyncio.get_running_loop().call_soon(self._next)

    @property
    def _is_idle(self) -> bool:
        return self._exchange is None and not self._waiting

    # What an exchange calls.

    def done(self, *, keep_alive: bool) -> None:
        """The current exchange has been answered."""
        self._exchange = None
        if not keep_alive:
            self.forget()
            self.transport.close()
        elif self._waiting:
            asyncio.get_running_loop().call_soon(self._next)

    def forget(self) -> None:
        """The current exchange ends, and the connection with it."""
        self._exchange = None
        self._open = False
        self._waiting.clear()

    def _next(self) -> None:
        if self._open and self._exchange is None and self._waiting:
            self._exchange = Exchange(self, self._waiting.popleft())
            self._handler(self._exchange)
