"""Consistency of a backlog document: unique codes, known references, no dependency cycles."""

import unicodedata
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from typing import Any

from batchgen.errors import MAX_PROBLEMS
from epics import bounds
from epics.files.document_parts import Problem


def code_warnings(document: Any) -> list[str]:
    """What to say of a document that was taken: codes that look alike. At most MAX_PROBLEMS."""
    told: list[str] = []
    for kind in ("cards", "epics"):
        first: dict[str, str] = {}
        for _, entry in _entries(document, kind):
            code = entry["code"]
            other = first.setdefault(bounds.code_looks(code), code)
            if other != code:
                told.append(f"The codes {_short(other)} and {_short(code)} of {kind} look alike.")
    return told[:MAX_PROBLEMS]


def dependency_cycle(dependencies: dict[str, list[str]]) -> str | None:
    """A cycle as `E1 → E2 → E1`, each depending on the next, or None.

    Args:
        dependencies: epic code -> codes of the epics that come first.
    """
    try:
        TopologicalSorter(dependencies).prepare()
    except CycleError as error:
        cycle: list[str] = list(reversed(error.args[1]))
        shown = cycle if len(cycle) <= 12 else [*cycle[:10], "…", cycle[-1]]
        return " → ".join(shown)
    return None


def inconsistencies(document: dict[str, Any]) -> Iterator[Problem]:
    """What does not fit together. The shape may be wrong too, so nothing is taken for granted."""
    cards = list(_entries(document, "cards"))
    epics = list(_entries(document, "epics"))
    card_codes, epic_codes = _codes(cards), _codes(epics)
    yield from _twice(cards, "cards")
    yield from _twice(epics, "epics")
    places = 0
    for index, epic in epics:
        path = f"epics[{index}]"
        places += sum(1 for _ in _texts(epic, "cards"))
        yield from _references(epic, "cards", path, card_codes, "card")
        yield from _references(epic, "dependencies", path, epic_codes, "epic")
        yield from _stories(epic, path)
    if places > bounds.MAX_PLACES:
        yield "epics", f"They name {places} cards; at most {bounds.MAX_PLACES} are allowed."
    yield from _cycles(epics)


def _stories(epic: dict[str, Any], path: str) -> Iterator[Problem]:
    stories = list(_entries(epic, "stories"))
    yield from _twice(stories, f"{path}.stories")
    for index, story in stories:
        subtasks = list(_entries(story, "subtasks"))
        yield from _twice(subtasks, f"{path}.stories[{index}].subtasks")


def _entries(owner: dict[str, Any], key: str) -> Iterator[tuple[int, dict[str, Any]]]:
    values = owner.get(key)
    if isinstance(values, list):
        yield from ((i, value) for i, value in enumerate(values) if isinstance(value, dict))


def _texts(owner: dict[str, Any], key: str) -> Iterator[tuple[int, str]]:
    values = owner.get(key)
    if isinstance(values, list):
        yield from ((i, _nfc(value)) for i, value in enumerate(values) if isinstance(value, str))


def _codes(entries: list[tuple[int, dict[str, Any]]]) -> set[str]:
    return {_nfc(entry["code"]) for _, entry in entries if isinstance(entry.get("code"), str)}


def _nfc(code: str) -> str:
    return unicodedata.normalize("NFC", code)


def _twice(entries: list[tuple[int, dict[str, Any]]], path: str) -> Iterator[Problem]:
    first: dict[str, int] = {}
    for index, entry in entries:
        code = entry.get("code")
        if (
            isinstance(code, str)
            and (other := first.setdefault(bounds.code_key(code), index)) != index
        ):
            yield (
                f"{path}[{index}].code",
                f"The code {_short(code)} is also that of {path}[{other}].",
            )


def _references(
    epic: dict[str, Any], key: str, path: str, known: set[str], kind: str
) -> Iterator[Problem]:
    seen: set[str] = set()
    for index, code in _texts(epic, key):
        if code not in known:
            yield f"{path}.{key}[{index}]", f"There is no {kind} with the code {_short(code)}."
        elif code in seen:
            yield f"{path}.{key}[{index}]", f"The {kind} {_short(code)} is named twice."
        seen.add(code)


def _cycles(epics: list[tuple[int, dict[str, Any]]]) -> Iterator[Problem]:
    graph = {
        _nfc(epic["code"]): [code for _, code in _texts(epic, "dependencies")]
        for _, epic in epics
        if isinstance(epic.get("code"), str)
    }
    if cycle := dependency_cycle(graph):
        yield "epics", f"The dependencies form a cycle: {cycle}."


def _short(code: str) -> str:
    return code if len(code) <= 60 else f"{code[:60]}…"
