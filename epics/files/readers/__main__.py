"""The process that reads one file: `python -m epics.files.readers NAME SECONDS <FILE`.

It writes one JSON object: {mediaType, text}, or {reason, sentence} where the file is refused. What
it may take of the machine is set before it reads the first byte.
"""

import json
import resource
import sys
from contextlib import suppress

from epics.files.readers.formats import text_of
from epics.files.readers.limits import MAX_MEMORY_BYTES
from epics.files.readers.refusals import FileRefused, too_complex

#: Standard streams, and what modules and fonts are read from.
_MOST_OPEN_FILES = 32


def limits_set(seconds: int) -> None:
    """No more memory, processor time, files, processes and core dumps than reading takes."""
    for what, most in (
        (resource.RLIMIT_AS, MAX_MEMORY_BYTES),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, _MOST_OPEN_FILES),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        # A system that does not know one of them holds the others.
        with suppress(OSError, ValueError):
            resource.setrlimit(what, (most, most))


def answer_of(raw: bytes, name: str) -> dict[str, str]:
    try:
        read = text_of(raw, name=name)
    except FileRefused as refused:
        return _told(refused)
    except (MemoryError, RecursionError):
        return _told(too_complex())
    return {"mediaType": read.media_type, "text": read.text}


def _told(refused: FileRefused) -> dict[str, str]:
    return {"reason": refused.reason.value, "sentence": refused.sentence}


if __name__ == "__main__":
    limits_set(int(sys.argv[2]))
    answer = answer_of(sys.stdin.buffer.read(), sys.argv[1])
    sys.stdout.buffer.write(json.dumps(answer, ensure_ascii=False).encode())
