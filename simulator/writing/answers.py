"""The text of an answer: stories for a story schema, a smallest instance for any other."""

import json
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from simulator.writing.brief import Fences, parse_list, read_brief
from simulator.writing.cards import write_cards
from simulator.writing.epics import write_epics
from simulator.writing.instances import Property, fitted, minimal_instance, properties_of
from simulator.writing.pages import write_page
from simulator.writing.stories import write_stories, write_weak_stories
from simulator.writing.subtasks import write_subtasks

ANSWERS_KEPT = 4096
SHAPES_KEPT = 256
PROSE = "This is the simulator. It has read your message and has nothing to add."
NOT_JSON = 'Here are the stories:\n\n{"stories": [{"title": "First story", "persona": '


#: A key in a prompt, with its name.
_NAMED = re.compile(r"`(\w+)`(?: \((\w+)\))?")

#: Writes a whole answer about what the blocks hold, by a seed; a weak one where it is asked to.
Writer = Callable[[Fences, int, bool], dict[str, Any]]
#: By what defects count.
_NUMBERED = ("story", "card", "subtask")


class Answers:
    """Answers by prompt; the latest few thousand are kept, since the same prompt comes again."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[bytes, str, str], str] = OrderedDict()

    def text(
        self, fences: Fences, schema: Mapping[str, Any] | None, format_key: str, flavour: str
    ) -> str:
        """The answer to a prompt.

        Args:
            flavour: "" for a good one, or the fault that spoils it: "malformed_json",
                "schema_miss" or "weak_stories" (good again once the prompt names defects).
        """
        if flavour == "malformed_json":
            return NOT_JSON
        if schema is None:
            return PROSE
        if flavour == "weak_stories" and fences.has_defects:
            flavour = ""
        key = (fences.digest + fences.defects_digest, format_key, flavour)
        text = self._kept.get(key)
        if text is None:
            text = _write(fences, schema, format_key, flavour)
            self._kept[key] = text
            if len(self._kept) > ANSWERS_KEPT:
                self._kept.popitem(last=False)
        return text


def told_in_words(fences: Fences, prompt: str) -> str:
    """What a gateway that drops the format gets: talk, and JSON in a fence.

    Of a story it holds the fields that the prompt names in backquotes; behind a short key their
    name may stand in brackets.
    """
    stories = write_stories(read_brief(fences), int.from_bytes(fences.digest, "big"))
    found = _NAMED.findall(prompt)
    named = {key: key for key, _ in found} | {key: name for key, name in found if name}
    told = [{key: story[name] for key, name in named.items() if name in story} for story in stories]
    answer = json.dumps({"stories": told} if "`stories`" in prompt else told, indent=2)
    return f"Here are the user stories for this epic:\n\n```json\n{answer}\n```\n\nShall I go on?"


def _write(fences: Fences, schema: Mapping[str, Any], format_key: str, flavour: str) -> str:
    if flavour == "schema_miss":
        return json.dumps({"items": [{"name": "A story in another shape"}]})
    properties = _properties(format_key)
    writer = next((writer for name, writer in _WRITERS.items() if name in properties), None)
    if writer is None:
        return _encode(minimal_instance(schema, schema))
    seed = int.from_bytes(fences.digest, "big")
    answer = writer(fences, seed, flavour == "weak_stories")
    if again := _asked_again(fences, properties):
        answer = {name: _again(value, again) for name, value in answer.items()}
    return _encode(fitted(answer, properties))


def _stories(fences: Fences, seed: int, weak: bool) -> dict[str, Any]:
    brief = read_brief(fences)
    return {"stories": write_weak_stories(brief) if weak else write_stories(brief, seed)}


@lru_cache(maxsize=SHAPES_KEPT)
def _properties(format_key: str) -> dict[str, Property]:
    """Those of the answer that a format asks for."""
    schema = json.loads(format_key)["schema"]
    return properties_of(schema, schema)


#: As a model writes that is held to a schema.
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def _asked_again(fences: Fences, properties: Mapping[str, Property]) -> set[int]:
    """The numbers of the things that a repair is about, where it is about some alone."""
    if not any(_may_replace(child) for child in properties.values()):
        return set()
    defects = [one for one in parse_list(fences["defects"]) if isinstance(one, dict)]
    numbers = {one[name] for one in defects for name in _NUMBERED if name in one}
    whole = 0 in numbers or any(one.get("criterion") == "schema" for one in defects)
    return set() if whole else {number for number in numbers if isinstance(number, int)}


def _may_replace(wanted: Property) -> bool:
    fields = wanted.entry.fields if wanted.entry else None
    return any("replaces" in child.names for child in (fields or {}).values())


def _again(value: Any, numbers: set[int]) -> Any:
    """Of a list the things with these numbers, each saying which it replaces."""
    if not isinstance(value, list):
        return value
    return [one | {"replaces": at} for at, one in enumerate(value, 1) if at in numbers] or value


#: By the property that a format asks for.
_WRITERS: dict[str, Writer] = {
    "cards": write_cards,
    "components": write_page,
    "epics": write_epics,
    "stories": _stories,
    "subtasks": write_subtasks,
}
