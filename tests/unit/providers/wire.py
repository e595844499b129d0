"""A provider that speaks just enough HTTP to misbehave byte by byte: a script of replies.

The simulator covers the protocol; this covers what no well-behaved server sends.
"""

import asyncio
import json
import socket
import struct
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

Reply = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

LIMIT_HEADERS = {
    f"anthropic-ratelimit-{dimension}-{what}": value
    for dimension in ("requests", "tokens", "input-tokens", "output-tokens")
    for what, value in (
        ("limit", "1000"),
        ("remaining", "999"),
        ("reset", "2026-11-22T06:30:00Z"),
    )
}


def message(**changes: Any) -> dict[str, Any]:
    """A whole message; `changes` replace or, when None is given as `...`, drop its keys."""
    whole: dict[str, Any] = {
        "id": "msg_01",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-5-5",
        "content": [{"type": "text", "text": '{"stories": []}'}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {
            "input_tokens": 100,
            "cache_creation_input_tokens": 20,
            "cache_read_input_tokens": 30,
            "output_tokens": 40,
        },
    }
    whole.update(changes)
    return {key: value for key, value in whole.items() if value is not ...}


def error_body(
    error_type: str, text: str = "no", *, error_code: str | None = None
) -> dict[str, Any]:
    """An error in the provider's own shape."""
    error: dict[str, Any] = {"type": error_type, "message": text}
    if error_code is not None:
        error["details"] = {"error_code": error_code}
    return {"type": "error", "error": error, "request_id": "req_01"}


def head(status: int, headers: dict[str, str], length: int) -> bytes:
    """Status line and headers, with the request id that every answer carries."""
    lines = [f"HTTP/1.1 {status} X", f"content-length: {length}", "request-id: req_01"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def answer(
    body: object, *, status: int = 200, content_type: str = "application/json", **headers: str
) -> Reply:
    """A complete response; bytes and strings go out as they are, the rest as JSON."""
    if isinstance(body, str):
        body = body.encode()
    payload = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    async def reply(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(
            head(status, {"content-type": content_type, **LIMIT_HEADERS, **named}, len(payload))
        )
        writer.write(payload)

    return reply


async def stall(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    """Say nothing until the client leaves."""
    await reader.read()


async def drip(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send a byte every 20 ms: no single read ever takes long."""
    payload = json.dumps(message()).encode()
    writer.write(head(200, {"content-type": "application/json"}, len(payload)))
    for byte in payload:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0.02)


async def reset(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Reset the connection instead of answering."""
    _reset(writer)


async def reset_in_body(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Reset the connection in the middle of the body."""
    writer.write(head(200, {"content-type": "application/json"}, 1000) + b'{"id": "msg')
    await writer.drain()
    await asyncio.sleep(0.05)
    _reset(writer)


async def cut_body(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Close the connection properly, but before the promised length."""
    writer.write(head(200, {"content-type": "application/json"}, 1000) + b'{"id": "msg')
    await writer.drain()
    writer.close()


async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Close the connection without a word."""
    writer.close()


def _reset(writer: asyncio.StreamWriter) -> None:
    raw: socket.socket = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@dataclass
class SeenRequest:
    """What crossed the wire."""

    line: str
    headers: dict[str, str]
    body: Any


@dataclass
class Wire:
    """The server: `script` holds the replies in order, the last one for all that follow."""

    script: list[Reply] = field(default_factory=lambda: [answer(message())])
    seen: list[SeenRequest] = field(default_factory=list)
    port: int = 0
    #: Connections that are open now, and the most that were at the same time.
    open: int = 0
    most_open: int = 0

    def __post_init__(self) -> None:
        """Listen on a free port of this machine."""
        self._loop = asyncio.new_event_loop()
        self._handlers: set[asyncio.Task[None]] = set()
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,), daemon=True)
        self._thread.start()
        ready.wait()

    @property
    def url(self) -> str:
        """The base URL for a client."""
        return f"http://127.0.0.1:{self.port}"

    def close(self) -> None:
        """Stop listening, drop the connections and end the thread."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(5)

    def _run(self, ready: threading.Event) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve(ready))

    async def _serve(self, ready: threading.Event) -> None:
        self._stop = asyncio.Event()
        server = await asyncio.start_server(self._connection, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        await self._stop.wait()
        server.close()
        for handler in self._handlers:
            handler.cancel()
        await asyncio.gather(*self._handlers, return_exceptions=True)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._handlers.add(task)
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        try:
            while not writer.is_closing():
                self.seen.append(await self._read_request(reader))
                reply = self.script.pop(0) if len(self.script) > 1 else self.script[0]
                await reply(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass  # the client left, or the test is over
        finally:
            self._handlers.discard(task)
            self.open -= 1
            writer.close()

    @staticmethod
    async def _read_request(reader: asyncio.StreamReader) -> SeenRequest:
        lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines[1:] if line)
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        return SeenRequest(line=lines[0], headers=headers, body=json.loads(body or b"null"))
