"""JSON in a model's text: behind a sentence, in a fence, with commas too many; pure."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from providers.cleaning import integer

#: Where an object, or a list of objects, may begin.
_OPENING = re.compile(r'\{(?=\s*["}])|\[(?=\s*\{)')
#: A string as it is, also one that breaks off, or a comma with nothing after it.
_TRAILING = re.compile(r'("(?:[^"\\]|\\.)*+"?)|,(?=\s*[}\]])', re.DOTALL)
#: Openings that turn out to be none, before a text is given up.
_TRIES = 5


class TwoMeanings(ValueError):
    """One key with two values."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """A value that is in no other one; `torn`: what opens before it breaks off, so that it may
    be a part of that."""

    value: object
    torn: bool = False


def json_found(text: str) -> list[Found]:
    """The JSON in a text: the text itself, or the objects and lists that stand in it.

    Raises:
        TwoMeanings: a key has two values.
    """
    text = text.removeprefix("\ufeff").strip()
    try:
        whole = _DECODER.decode(text)
        # JSON that was written as a string of JSON.
        return [Found(value=_DECODER.decode(whole) if isinstance(whole, str) else whole)]
    except TwoMeanings:
        raise
    except (ValueError, RecursionError):
        return list(_inside(text))


def _inside(text: str) -> Iterator[Found]:
    tries = at = 0
    opening = _OPENING.search(text)
    while opening and tries < _TRIES:
        decoded = _decoded(text, opening.start())
        if decoded is None:
            tries += 1
            at = opening.end()
        else:
            value, text, at = decoded
            yield Found(value=value, torn=tries > 0)
        opening = _OPENING.search(text, at)


def _decoded(text: str, at: int) -> tuple[object, str, int] | None:
    """The value at a place, and where the text goes on after it; commas are mended at need."""
    for tried, start in ((text, at), (_TRAILING.sub(r"\1", text[at:]), 0)):
        try:
            value, end = _DECODER.raw_decode(tried, start)
        except TwoMeanings:
            raise
        except (ValueError, RecursionError):
            continue
        return value, tried, end
    return None


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        for key, value in pairs:
            if found[key] != value:
                raise TwoMeanings(f"the key {json.dumps(key[:60])} stands twice in one object")
    return found


#: Line breaks inside of strings mean themselves.
_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_int=integer, strict=False)
