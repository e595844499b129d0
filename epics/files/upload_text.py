"""The text of an upload, read by a process that may be lost (`epics.files.readers`)."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from math import ceil
from tempfile import TemporaryFile
from threading import BoundedSemaphore, Timer

from django.conf import settings

from batchgen.errors import (
    PayloadTooLarge,
    Throttled,
    UnsupportedFile,
    ValidationFailed,
)
from epics.files.readers.formats import FileText, text_type
from epics.files.readers.limits import MAX_ANSWER_BYTES
from epics.files.readers.refusals import FileRefused, Reason, too_complex
from epics.files.readers.tidying import tidied

#: A reader that has said all ends at once.
_END_S = 2.0
_TOO_LARGE = frozenset(
    {
        Reason.EXPANDS_TOO_FAR,
        Reason.TOO_MANY_CHARACTERS,
        Reason.TOO_MANY_PAGES,
        Reason.TOO_MANY_CELLS,
        Reason.TOO_COMPLEX,
    }
)
_OTHER_TYPE = frozenset({Reason.WRONG_TYPE, Reason.MACROS})
_BUSY = "The server is reading other files just now. Send it again in a moment."

_places = BoundedSemaphore(settings.UPLOAD_READERS)


@dataclass(frozen=True, kw_only=True, slots=True)
class Handed:
    """What somebody handed in: all that is kept of it."""

    name: str
    media_type: str
    bytes: int
    text: str


def file_handed(raw: bytes, *, name: str) -> Handed:
    """What is kept of a file.

    Raises:
        ValidationFailed, PayloadTooLarge, UnsupportedFile: it is not taken; details say the reason.
        Throttled: this process reads as many files as it may.
    """
    with _place(), _told_of("file"):
        read = _read(raw, name)
    return Handed(name=name, media_type=read.media_type, bytes=len(raw), text=read.text)


def text_handed(text: str, *, name: str) -> Handed:
    """What is kept of a text.

    Raises:
        ValidationFailed, PayloadTooLarge: nothing of it shows; it is too long.
    """
    with _told_of("text"):
        kept = tidied(text)
    return Handed(name=name, media_type=text_type(name), bytes=len(text.encode()), text=kept)


@contextmanager
def _told_of(field: str) -> Iterator[None]:
    """A refusal as the API has it."""
    try:
        yield
    except FileRefused as refused:
        sentence, reason = refused.sentence, refused.reason.value
        if refused.reason in _TOO_LARGE:
            raise PayloadTooLarge(sentence, reason=reason) from refused
        if refused.reason in _OTHER_TYPE:
            raise UnsupportedFile(sentence, reason=reason) from refused
        raise ValidationFailed(sentence, **{"reason": reason, field: [sentence]}) from refused


@contextmanager
def _place() -> Iterator[None]:
    if not _places.acquire(blocking=False):
        raise Throttled(_BUSY, wait_s=1)
    try:
        yield
    finally:
        _places.release()


def _read(raw: bytes, name: str) -> FileText:
    """What the reader says; one that is too slow, or says too much, is killed."""
    seconds = settings.UPLOAD_READ_S
    command = [sys.executable, "-P", "-s", "-m", "epics.files.readers", name, str(ceil(seconds))]
    with TemporaryFile() as file:
        file.write(raw)
        file.seek(0)
        # With none of our environment: whoever reads a hostile file needs no secret.
        reader = subprocess.Popen(
            command,
            stdin=file,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"PYTHONPATH": str(settings.BASE_DIR)},
            start_new_session=True,
        )
    with reader:
        late = Timer(seconds, reader.kill)
        late.daemon = True
        late.start()
        try:
            said = reader.stdout.read(MAX_ANSWER_BYTES + 1) if reader.stdout else b""
            with suppress(subprocess.TimeoutExpired):
                reader.wait(_END_S)
        finally:
            late.cancel()
            reader.kill()
    return _understood(said)


def _understood(said: bytes) -> FileText:
    try:
        answer = json.loads(said)
    except ValueError as error:  # killed in the middle, by us or by one of its limits
        raise too_complex() from error
    if "reason" in answer:
        raise FileRefused(Reason(answer["reason"]), answer["sentence"])
    return FileText(media_type=answer["mediaType"], text=answer["text"])
