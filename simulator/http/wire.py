"""HTTP responses as bytes: status line, headers, JSON bodies, chunks, server-sent events."""

import json
import os
import time
from itertools import count
from typing import Any

from simulator.protocol.errors import ApiError

JSON = "application/json"
EVENT_STREAM = "text/event-stream; charset=utf-8"
HTML = "text/html; charset=UTF-8"
JSON_LINES = "application/x-jsonl"
TEXT = "text/plain; charset=utf-8"
WORKSPACE_ID = "wrkspc_simulator"
LAST_CHUNK = b"0\r\n\r\n"
SPOILED_BODIES = {
    "bad_http_json": (b'{"id":"msg_broken","type":"message","content":[{"type":', JSON),
    "empty_object": (b"{}", JSON),
    "text_plain": (b"OK", TEXT),
}
"""Successes that hold nothing of use: body and content type."""

_REASONS = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    402: "Payment Required",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    409: "Conflict",
    413: "Content Too Large",
    422: "Unprocessable Content",
    429: "Too Many Requests",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
}
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False).encode
_numbers = count(1)
_boot = os.urandom(5).hex()


def new_id(prefix: str) -> str:
    """An id no other answer of this or an earlier start carries: `req_…`, `msg_…`."""
    return f"{prefix}_{_boot}{next(_numbers):010x}"


def to_json(value: Any) -> bytes:
    """Compact UTF-8 JSON. Lone surrogates, which UTF-8 cannot carry, go as escapes."""
    try:
        return _encode(value).encode()
    except UnicodeEncodeError:
        return json.dumps(value).encode()


def head(
    status: int,
    *,
    request_id: str,
    content_type: str,
    length: int | None,
    keep_alive: bool,
    extra: str = "",
) -> bytes:
    """Status line and headers.

    Args:
        length: of the body in bytes; None for a body in chunks.
        extra: further header lines, each ended by CRLF.
    """
    body = "transfer-encoding: chunked" if length is None else f"content-length: {length}"
    close = "" if keep_alive else "connection: close\r\n"
    return (
        f"HTTP/1.1 {status} {_REASONS.get(status, 'Error')}\r\n"
        f"date: {_date()}\r\n"
        f"content-type: {content_type}\r\n"
        f"request-id: {request_id}\r\n"
        f"anthropic-workspace-id: {WORKSPACE_ID}\r\n"
        f"{extra}{close}{body}\r\n\r\n"
    ).encode("latin-1", "replace")


def response(
    status: int,
    body: bytes,
    *,
    keep_alive: bool,
    request_id: str | None = None,
    content_type: str = JSON,
    extra: str = "",
) -> bytes:
    """A whole answer of known length."""
    first = head(
        status,
        request_id=request_id or new_id("req"),
        content_type=content_type,
        length=len(body),
        keep_alive=keep_alive,
        extra=extra,
    )
    return first + body


def error_response(error: ApiError, *, keep_alive: bool, extra: str = "") -> bytes:
    """An error answer; a proxy's page or other words where the error asks for them."""
    request_id = new_id("req")
    extra += "".join(f"{name}: {value}\r\n" for name, value in error.headers.items())
    if error.raw is not None:
        body, content_type = error.raw.encode(), _content_type(error.raw)
    elif error.html:
        body, content_type = _html(error), HTML
    else:
        body, content_type = to_json(error.body(request_id)), JSON
    return response(
        error.status,
        body,
        keep_alive=keep_alive,
        request_id=request_id,
        content_type=content_type,
        extra=extra,
    )


def event(name: str, data: Any) -> bytes:
    """One server-sent event, as a chunk of a chunked body."""
    text = b"event: %b\ndata: %b\n\n" % (name.encode(), to_json(data))
    return chunk(text)


def chunk(piece: bytes) -> bytes:
    """A piece of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(piece), piece)


def _content_type(body: str) -> str:
    return {"<": HTML, "{": JSON, "[": JSON}.get(body.lstrip()[:1], TEXT)


def _html(error: ApiError) -> bytes:
    title = f"{error.status} {_REASONS.get(error.status, 'Error')}"
    return (
        f"<html>\r\n<head><title>{title}</title></head>\r\n"
        f"<body>\r\n<center><h1>{title}</h1></center>\r\n</body>\r\n</html>\r\n"
    ).encode()


_date_at = 0
_date_text = ""


def _date() -> str:
    global _date_at, _date_text  # noqa: PLW0603  # formatted once a second, not once an answer
    now = int(time.time())
    if now != _date_at:
        _date_at = now
        _date_text = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(now))
    return _date_text
