"""A ZIP archive that is made while it is read."""

import io
from collections.abc import Iterable, Iterator
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo


class _Taken(io.RawIOBase):
    """Keeps what is written until somebody takes it."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, part: Any, /) -> int:
        self._parts.append(bytes(part))
        return len(self._parts[-1])

    def take(self) -> bytes:
        taken = b"".join(self._parts)
        self._parts.clear()
        return taken


def zip_parts(files: Iterable[tuple[str, Iterable[str]]]) -> Iterator[bytes]:
    """The archive of these (name, texts), part by part.

    The same files make the same bytes: none of them has a date.
    """
    taken = _Taken()
    with ZipFile(taken, "w") as archive:
        for name, texts in files:
            with archive.open(_entry(name), "w") as entry:
                for text in texts:
                    entry.write(text.encode())
                    yield taken.take()
    yield taken.take()


def _entry(name: str) -> ZipInfo:
    info = ZipInfo(name)
    info.compress_type = ZIP_DEFLATED
    return info
