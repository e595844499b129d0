"""Files as answers: read from a file of this process, so that a slow client holds no database
connection."""

import tempfile
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import IO
from urllib.parse import quote

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, StreamingHttpResponse
from django.utils.text import slugify

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
    return file_answer(request, spool, length=length, name=name, content_type=content_type)


def file_answer(
    request: HttpRequest, file: IO[bytes], *, length: int, name: str, content_type: str
) -> StreamingHttpResponse:
    """An open file as an attachment; it is closed with the answer, whatever happens."""
    response = _Download(file, asynchronous=isinstance(request, ASGIRequest))
    response["Content-Type"] = content_type
    response["Content-Length"] = str(length)
    response["Content-Disposition"] = _disposition(name)
    return response


def _disposition(name: str) -> str:
    """RFC 6266: its name, behind one of plain ASCII for those who read no other."""
    if name.isascii():
        return f'attachment; filename="{name}"'
    suffixes = name[name.index(".") :] if "." in name else ""
    plain = slugify(name.removesuffix(suffixes)) or "file"
    return f"attachment; filename=\"{plain}{suffixes}\"; filename*=UTF-8''{quote(name, safe='')}"


class _Download(StreamingHttpResponse):
    def __init__(self, file: IO[bytes], *, asynchronous: bool) -> None:
        super().__init__(_async_blocks(file) if asynchronous else _blocks(file))
        self._file = file

    def close(self) -> None:
        super().close()
        self._file.close()


def _blocks(file: IO[bytes]) -> Iterator[bytes]:
    while block := file.read(_BLOCK_BYTES):
        yield block


async def _async_blocks(file: IO[bytes]) -> AsyncIterator[bytes]:
    while block := await sync_to_async(file.read)(_BLOCK_BYTES):
        yield block
