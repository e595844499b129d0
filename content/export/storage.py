"""The files themselves, in the storage that the settings name.

A file gets a name that nobody had before, and is whole when `file_store` returns: what a process
that dies leaves half is named by no row, so nobody is ever given it.
"""

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import IO
from uuid import uuid4

from django.core.files import File
from django.core.files.storage import Storage, storages

from batchgen.stored_files import EXPORTS


class StorageAway(Exception):
    """The storage does not do what it is asked, for now; the text says what it raised."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Stored:
    """A file that is whole: its name in the storage, its size and what it hashes to (hex)."""

    name: str
    bytes: int
    sha256: str


def file_store(parts: Iterable[bytes], *, suffix: str) -> Stored:
    """Store the parts as a new file, without having all of them in memory.

    They are collected in a temporary file that vanishes with the process, so that whoever makes
    them waits for no network.

    Raises:
        StorageAway: the disk is full, or the storage takes no files.
    """
    digest = sha256()
    with _told(), tempfile.TemporaryFile() as whole:
        for part in parts:
            whole.write(part)
            digest.update(part)
        size = whole.tell()
        whole.seek(0)
        name = f"{uuid4()}{suffix}"
        with _told(Exception):  # each storage has errors of its own
            _storage().save(name, File(whole, name=name))
    return Stored(name=name, bytes=size, sha256=digest.hexdigest())


def file_open(name: str, *, size: int) -> IO[bytes] | None:
    """The file, open for reading; None where the storage has none of this name and size.

    Raises:
        StorageAway: it does not answer.
    """
    try:
        with _told(Exception):
            if _storage().size(name) != size:
                return None
            opened: IO[bytes] = _storage().open(name)
    except FileNotFoundError:
        return None
    return opened


def file_delete(name: str) -> None:
    """Delete the file; nothing where it is gone."""
    _storage().delete(name)


def file_names() -> Iterator[str]:
    """The names of all files that there are, whoever knows of them."""
    try:
        _, names = _storage().listdir("")
    except FileNotFoundError:  # a folder that is made with its first file
        return
    yield from names


def file_age_s(name: str, *, now_s: float) -> float:
    """How long ago it was stored, by the storage's clock; 0 where it is gone meanwhile."""
    try:
        return now_s - _storage().get_modified_time(name).timestamp()
    except FileNotFoundError:
        return 0.0


def storage_text() -> str:
    """Where the files are, for people."""
    storage = _storage()
    bucket = getattr(storage, "bucket_name", None)
    return f"the bucket {bucket}" if bucket else f"the folder {getattr(storage, 'location', '?')}"


def _storage() -> Storage:
    return storages[EXPORTS]


@contextmanager
def _told(error: type[Exception] = OSError) -> Iterator[None]:
    try:
        yield
    except (StorageAway, FileNotFoundError):
        raise
    except error as raised:
        said = getattr(raised, "strerror", None) or type(raised).__name__
        raise StorageAway(f"The storage of exported files failed: {said}.") from raised
