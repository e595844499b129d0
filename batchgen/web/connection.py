"""uvicorn's HTTP connection with limits: head size, deadlines, number of connections.

By itself uvicorn reads heads of any length and waits for them for ever, keeps any number of
connections, and writes to clients that do not read until they are gone.
"""

import json
import socket
from asyncio import Transport
from asyncio.events import TimerHandle
from contextlib import suppress
from typing import Any

from django.conf import settings
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from batchgen.api.error_envelope import failure_of
from batchgen.errors import (
    BatchgenError,
    HeadersTooLarge,
    RequestTimeout,
    Unavailable,
    ValidationFailed,
)
from batchgen.web.open_connections import OpenConnections, address_to_count

#: What the parser gets at once, in bytes: by so much a head may be longer than it should.
_SLICE_BYTES = 4096
#: Requests that wait for the one at work. Hardly a client sends any before it has the answer.
_MOST_PIPELINED = 16
#: Bytes that the kernel takes for a client that does not read, beside those that are on their way.
#: With its own 4 MB it would look for minutes as if a slow client read nothing.
_UNSENT_BYTES = 131_072
#: Of the scope's extensions: {"abort": ends the connection now}.
ABORT = "batchgen.abort"
_open_connections = OpenConnections()


class Connection(HttpToolsProtocol):
    """Uvicorn's, with a crowd that it belongs to, and two deadlines.

    A head has to be whole BATCHGEN_HEAD_TIMEOUT_S after the connection was made, or after the last
    answer and the time that uvicorn lets a connection be idle. What is written has to be read:
    about 100 kB in BATCHGEN_WRITE_TIMEOUT_S.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.address: str | None = None
        self._head_timer: TimerHandle | None = None
        self._write_timer: TimerHandle | None = None
        #: Since the request began, or since the last of its body: head, trailer or chunk's frame.
        self._overhead = 0
        self._in_head = False

    # As the transport calls it.

    def connection_made(  # type: ignore[override]  # as in uvicorn's own
        self, transport: Transport
    ) -> None:
        super().connection_made(transport)
        self.address = address_to_count(self.client[0] if self.client else None)
        line = transport.get_extra_info("socket")
        if line is not None and line.family != socket.AF_UNIX:
            with suppress(OSError, AttributeError):  # where the system knows of no such option
                line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT_BYTES)
        if _open_connections.admit(self):
            self._wait_for_head(settings.HEAD_TIMEOUT_S)
        else:
            self._refuse(Unavailable("This server has as many connections as it takes."))

    def connection_lost(self, exc: Exception | None) -> None:
        _open_connections.remove(self)
        self._stop(self._head_timer)
        self._stop(self._write_timer)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        for start in range(0, len(data), _SLICE_BYTES):
            if self.transport.is_closing():
                return
            part = data[start : start + _SLICE_BYTES]
            self._overhead += len(part)
            super().data_received(part)
            if self._overhead > settings.HEAD_BYTES and not self.transport.is_closing():
                self._refuse(HeadersTooLarge(limitBytes=settings.HEAD_BYTES))

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._write_timer is None:
            self._wait_for_reader()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._write_timer = self._stop(self._write_timer)

    # As the parser calls it.

    def on_message_begin(self) -> None:
        self._in_head = True
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        # What follows a body in chunks would stand among the headers, which others have read by
        # then; a proxy that takes some away does not look there.
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._overhead = 0
        # For an answer that ends in the middle: `close` would wait for the client to read.
        self.scope["extensions"] = {ABORT: {"abort": self.transport.abort}}
        super().on_headers_complete()
        _open_connections.mark_busy(self)
        self._head_timer = self._stop(self._head_timer)
        if len(self.pipeline) > _MOST_PIPELINED:
            self.transport.abort()

    def on_body(self, body: bytes) -> None:
        self._overhead = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._overhead = 0
        super().on_message_complete()

    # As the request's cycle calls it.

    def on_response_complete(self) -> None:
        goes_on = bool(self.pipeline)
        super().on_response_complete()
        if self.transport.get_write_buffer_size():
            self._wait_for_reader()
        if not goes_on and not self.transport.is_closing():
            _open_connections.mark_idle(self)
            self._wait_for_head(self.timeout_keep_alive + settings.HEAD_TIMEOUT_S)

    # As the crowd calls it.

    def evict(self) -> None:
        """Close it for another one."""
        self.transport.abort()

    # By ourselves.

    def send_400_response(self, msg: str) -> None:
        """What cannot be read as HTTP."""
        self._refuse(ValidationFailed("This is not HTTP as this server reads it."))

    def _refuse(self, error: BatchgenError) -> None:
        """Tell why, and close. An answer that is under way is cut."""
        cycle = self.cycle
        if cycle is not None and cycle.response_started and not cycle.response_complete:
            self.transport.abort()
            return
        failure = failure_of(error)
        body = json.dumps(failure.body).encode()
        headers = {
            **failure.headers,
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            "Connection": "close",
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self.transport.write(STATUS_LINE[failure.status] + f"{head}\r\n".encode() + body)
        self.transport.close()
        self._wait_for_reader()

    def _wait_for_head(self, seconds: float) -> None:
        self._stop(self._head_timer)
        self._head_timer = self.loop.call_later(seconds, self._end_waiting)

    def _end_waiting(self) -> None:
        if self._in_head:
            self._refuse(
                RequestTimeout("The head did not arrive in time (BATCHGEN_HEAD_TIMEOUT_S).")
            )
        else:
            self.transport.close()

    def _wait_for_reader(self) -> None:
        self._stop(self._write_timer)
        self._write_timer = self.loop.call_later(settings.WRITE_TIMEOUT_S, self._end_writing)

    def _end_writing(self) -> None:
        self._write_timer = None
        if self.transport.get_write_buffer_size():
            self.transport.abort()

    @staticmethod
    def _stop(timer: TimerHandle | None) -> None:
        if timer is not None:
            timer.cancel()
