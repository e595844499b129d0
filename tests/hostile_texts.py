"""Texts that make careless readers slow, and whether a reader is one.

Nothing is measured unless it takes long, so that a busy machine decides nothing.
"""

import time
from collections.abc import Callable, Iterator
from functools import partial

#: Less is noise; what grows with the square takes several times as long for 2,000 characters.
_LEAST_S = 0.003
_MOST_RATIO = 8
_TRIES = 3

#: Each kind of white space, bracket, quote, sign, digit, mark and conjunction, and what the
#: patterns look for.
_REPEATED = (
    *" \t\n\r\x0b\x0c\x1c\x85\xa0\u2028\u3000",
    *"()[]{}<>\"'`\u201c\u2018,.;:!?-_/\\*#=+|~&@%$^",
    *"\u2013\u2026\u0301\u200b\u200d0aA\xe9\u6f22\U0001f600",
    "\r\n", "\\\"", "a\u0301", ", ", ". ", "- ", "1. ", "1,", "a ", "aB1 ", "a, ", "a: ",
    "and ", "or ", "and/or ", "to ", "as a ", "so that ", "I want to ", "be able ", "note ",
    "e.g. ", "in order ", "as ", "{ ", "[{", "{\"", "\",", "<a ", "</", "a@", "a.", "sk-", " to a",
)  # fmt: skip
_BEFORE = ("", "As a x, I want to ", '"')
#: Lets what would match up to the end fail there.
_BEHIND = "\n!"


def hostile(chars: int) -> Iterator[str]:
    """Texts of about so many characters."""
    for repeated in _REPEATED:
        for before in _BEFORE:
            yield before + repeated * (chars // len(repeated)) + _BEHIND


def _seconds(work: Callable[[], object]) -> float:
    begun_s = time.thread_time()
    work()
    return time.thread_time() - begun_s


def is_slow(read: Callable[[str], object], little: str, much: str) -> bool:
    if _seconds(partial(read, much)) < _LEAST_S:
        return False
    best = min(_seconds(partial(read, much)) for _ in range(_TRIES))
    least = min(_seconds(partial(read, little)) for _ in range(_TRIES))
    return best >= _LEAST_S and best >= _MOST_RATIO * least
