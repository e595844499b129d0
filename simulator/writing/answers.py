"""The text of an answer: stories for a story schema, a smallest instance for any other."""

import json
from collections import OrderedDict
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from simulator.writing.brief import Fences, read_brief
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


#: Writes a whole answer about what the blocks hold, by a seed; a weak one where it is asked to.
Writer = Callable[[Fences, int, bool], dict[str, Any]]
#: Of other content than stories, by the property that its format asks for.
_WRITERS: dict[str, Writer] = {
    "cards": write_cards,
    "components": write_page,
    "epics": write_epics,
    "subtasks": write_subtasks,
}


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
        key = (fences.digest, format_key, flavour)
        text = self._kept.get(key)
        if text is None:
            text = _write(fences, schema, format_key, flavour)
            self._kept[key] = text
            if len(self._kept) > ANSWERS_KEPT:
                self._kept.popitem(last=False)
        return text


def told_in_words(fences: Fences, prompt: str) -> str:
    """What a gateway that drops the format gets: talk, and JSON in a fence.

    Of a story it holds the fields that the prompt names in backquotes.
    """
    stories = write_stories(read_brief(fences), int.from_bytes(fences.digest, "big"))
    told = [{name: story[name] for name in story if f"`{name}`" in prompt} for story in stories]
    answer = json.dumps({"stories": told} if "`stories`" in prompt else told, indent=2)
    return f"Here are the user stories for this epic:\n\n```json\n{answer}\n```\n\nShall I go on?"


def _write(fences: Fences, schema: Mapping[str, Any], format_key: str, flavour: str) -> str:
    if flavour == "schema_miss":
        return json.dumps({"items": [{"name": "A story in another shape"}]})
    properties = _story_properties(format_key)
    writer = _writer(format_key)
    if writer is not None:
        seed = int.from_bytes(fences.digest, "big")
        return json.dumps(writer(fences, seed, flavour == "weak_stories"), ensure_ascii=False)
    if properties is None:
        return json.dumps(minimal_instance(schema, schema), ensure_ascii=False)
    brief = read_brief(fences)
    if flavour == "weak_stories":
        stories = write_weak_stories(brief)
    else:
        stories = write_stories(brief, int.from_bytes(fences.digest, "big"))
    shaped = [fitted(story, properties) for story in stories]
    answer = {"stories": shaped} | _other_properties(schema)
    return json.dumps(answer, ensure_ascii=False)


@lru_cache(maxsize=SHAPES_KEPT)
def _story_properties(format_key: str) -> dict[str, Property] | None:
    """The properties of one story, or None when the format asks for no stories."""
    schema = json.loads(format_key)["schema"]
    stories = schema.get("properties", {}).get("stories")
    if not isinstance(stories, dict) or stories.get("type") != "array":
        return None
    items = stories.get("items")
    return (properties_of(items, schema) or None) if isinstance(items, dict) else None


@lru_cache(maxsize=SHAPES_KEPT)
def _writer(format_key: str) -> Writer | None:
    """Who writes what the format asks for, where it is no stories."""
    asked: Any = json.loads(format_key)["schema"].get("properties", {})
    return next((writer for name, writer in _WRITERS.items() if name in asked), None)


def _other_properties(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: minimal_instance(schema["properties"][name], schema)
        for name in schema.get("required", ())
        if name != "stories" and name in schema["properties"]
    }
