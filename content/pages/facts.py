"""What may be known of a page. Pure."""

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from epics import bounds

#: An object or a list in a fact, one in that, and the values there.
_DEPTH = 3
_MOST_NUMBER = 1e15


def facts_checked(facts: Mapping[str, Any]) -> Mapping[str, Any]:
    """The facts as they came: {name: text, number, true, false, null, or lists and objects of
    these}.

    Raises:
        ValueError: they cannot be kept; the sentence is for people.
    """
    for problem in _problems(facts, _DEPTH):
        raise ValueError(problem)
    chars = len(json.dumps(facts, ensure_ascii=False))
    if chars > bounds.FACTS_CHARS:
        raise ValueError(
            f"The facts have {chars:,} characters as JSON; at most {bounds.FACTS_CHARS:,} are "
            "allowed."
        )
    return facts


def keywords_once(keywords: Iterable[str]) -> list[str]:
    """The keywords without those that differ from an earlier one in case alone."""
    first: dict[str, str] = {}
    for word in keywords:
        first.setdefault(word.casefold(), word)
    return list(first.values())


def _problems(value: object, depth: int) -> Iterator[str]:
    if isinstance(value, str):
        yield from _text_problems(value, bounds.FACT_CHARS, lines=True)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        if not math.isfinite(value) or abs(value) > _MOST_NUMBER:
            yield "A number is too large."
    elif isinstance(value, dict | list):
        yield from _entries_problems(value, depth)


def _entries_problems(value: dict[str, Any] | list[Any], depth: int) -> Iterator[str]:
    if not depth:
        yield f"Facts are nested deeper than {_DEPTH} levels."
    elif len(value) > bounds.LIST_ENTRIES:
        yield f"There are {len(value):,} entries; at most {bounds.LIST_ENTRIES} are allowed."
    elif isinstance(value, dict):
        for name, entry in value.items():
            yield from _text_problems(name, bounds.NAME_CHARS, lines=False)
            if not bounds.is_seen(name):
                yield "A fact has no name."
            yield from _problems(entry, depth - 1)
    else:
        for entry in value:
            yield from _problems(entry, depth - 1)


def _text_problems(text: str, most: int, *, lines: bool) -> Iterator[str]:
    if len(text) > most:
        yield f'"{text[:40]}…" has {len(text):,} characters; at most {most:,} are allowed.'
    elif found := bounds.control_character(text, lines=lines):
        yield f"The control character {found} is not allowed here."
