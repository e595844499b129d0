"""Generated files are written to a temporary file first, so a slow client holds no database
connection."""

import tempfile
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import IO

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, StreamingHttpResponse
from django.utils.http import content_disposition_header

#: What is kept in memory; more goes to a temporary file.
_SPOOL_BYTES = 1_000_000
_BLOCK_BYTES = 65_536


def download(
    request: HttpRequest, parts: Iterable[bytes], *, name: str, content_type: str
) -> StreamingHttpResponse:
    """The file as an attachment. All of it is made before the answer begins, so that an error
    on the way is an error and not half a file."""
    spool: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=_SPOOL_BYTES)  # noqa: SIM115 - the response closes it
    for part in parts:
        spool.write(part)
    length = spool.tell()
    spool.seek(0)
    response = _Download(spool, asynchronous=isinstance(request, ASGIRequest))
    response["Content-Type"] = content_type
    response["Content-Length"] = str(length)
    response["Content-Disposition"] = content_disposition_header(True, name) or "attachment"
    return response


class _Download(StreamingHttpResponse):
    def __init__(self, spool: IO[bytes], *, asynchronous: bool) -> None:
        super().__init__(_async_blocks(spool) if asynchronous else _blocks(spool))
        self._spool = spool

    def close(self) -> None:
        super().close()
        self._spool.close()


def _blocks(spool: IO[bytes]) -> Iterator[bytes]:
    while block := spool.read(_BLOCK_BYTES):
        yield block


async def _async_blocks(spool: IO[bytes]) -> AsyncIterator[bytes]:
    while block := await sync_to_async(spool.read)(_BLOCK_BYTES):
        yield block
