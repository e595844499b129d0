"""Request bodies that are too large or too slow are refused before they are stored or parsed."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase

from batchgen.api.error_envelope import failure_of
from batchgen.errors import BatchgenError, PayloadTooLarge, RequestTimeout

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Any, Any, Any], Awaitable[None]]

#: A refused upload is read on for so long and so far, and thrown away: a client that is still
#: writing when the connection closes would see a broken pipe instead of the reason.
LINGER_BYTES = 100_000_000
LINGER_S = 10.0
#: Where files are handed in.
_FILES = re.compile(r"(?:/api/v1/projects/[^/]*/uploads|/projects/[^/]*/uploads/)\Z")


class BodyLimitMiddleware:
    """Refuses by Content-Length, whatever serves Django."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        most = most_bytes(request.path_info)
        if _declared(str(request.META.get("CONTENT_LENGTH") or "")) > most:
            return failure_of(PayloadTooLarge(limitBytes=most)).response()
        if "CONTENT_LENGTH" not in request.META and "HTTP_TRANSFER_ENCODING" in request.META:
            # REST framework takes a body that came in chunks, without a length, for none.
            request.META["CONTENT_LENGTH"] = str(len(request.body))
        return self._get_response(request)


class BodyLimit:
    """The same around an ASGI application, which would store the whole body before it asks
    any middleware; it also counts what arrives, so a false or missing length does not help."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        length = headers.get(b"content-length", b"").decode("latin-1")
        most = most_bytes(scope["path"])
        if _declared(length) > most:
            # A client that waits to be told `100 Continue` has not begun to send.
            await _refuse(receive, send, most=most, linger=b"expect" not in headers)
            return
        counted = _Counted(receive, most)
        await self._app(scope, counted, send)
        if counted.too_large:
            await _refuse(receive, send, most=most, linger=True)
        elif counted.too_slow:
            await _answer(send, RequestTimeout())


class _Counted:
    """`receive`, which says that the client is gone once the body passed the limit, or its time
    is over: so the application lets go of what it stored and answers nothing."""

    def __init__(self, receive: Receive, most: int) -> None:
        self._receive = receive
        self._most = most
        self._bytes = 0
        self._deadline = asyncio.get_running_loop().time() + settings.BODY_TIMEOUT_S
        self._whole = False
        self.too_large = False
        self.too_slow = False

    async def __call__(self) -> Message:
        try:
            async with asyncio.timeout_at(None if self._whole else self._deadline):
                message = await self._receive()
        except TimeoutError:
            self.too_slow = True
            return {"type": "http.disconnect"}
        self._whole = self._whole or not message.get("more_body", False)
        self._bytes += len(message.get("body", b""))
        if self._bytes > self._most:
            self.too_large = True
            return {"type": "http.disconnect"}
        return message


def _declared(content_length: str) -> int:
    """The body's length by its header; 0 where that says nothing."""
    return int(content_length) if content_length.isascii() and content_length.isdigit() else 0


def most_bytes(path: str) -> int:
    """The largest body that this address takes."""
    return settings.MAX_UPLOAD_BODY_BYTES if _FILES.search(path) else settings.MAX_BODY_BYTES


async def _refuse(receive: Receive, send: Send, *, most: int, linger: bool) -> None:
    if linger:
        with suppress(TimeoutError):
            await asyncio.wait_for(_read_away(receive), LINGER_S)
    await _answer(send, PayloadTooLarge(limitBytes=most))


async def _answer(send: Send, error: BatchgenError) -> None:
    failure = failure_of(error)
    body = json.dumps(failure.body).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": failure.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _read_away(receive: Receive) -> None:
    read = 0
    while read < LINGER_BYTES:
        message = await receive()
        read += len(message.get("body", b""))
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            return
