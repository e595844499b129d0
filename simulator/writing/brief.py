"""What a prompt asks for: the fenced JSON blocks of the user text, read into one brief."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

DEFAULT_MIN_STORIES = 5
DEFAULT_MAX_STORIES = 8
STORIES_MAX = 60
"""More than any task asks for; keeps a mistaken task from filling memory."""

_NAMES = ("epic", "epics", "cards", "task", "defects", "upload", "story", "page", "groups")


@dataclass(frozen=True, kw_only=True, slots=True)
class Fences:
    """The raw text of the blocks by their names; an absent block is empty."""

    blocks: Mapping[str, str]

    def __getitem__(self, name: str) -> str:
        return self.blocks.get(name, "")

    @property
    def has_defects(self) -> bool:
        """Whether the prompt asks for a repair."""
        return "defects" in self.blocks

    @property
    def defects_digest(self) -> bytes:
        """Equal for equal defects."""
        return _digest(self["defects"])

    @property
    def digest(self) -> bytes:
        """Equal for equal blocks of work, whatever else the prompt says."""
        text = "\0".join(self.blocks.get(name, "") for name in _NAMES if name != "defects")
        return _digest(text)


@dataclass(frozen=True, kw_only=True)
class Brief:
    """The work described by the blocks.

    Args:
        card_lines: the JSON of one card each; empty when the cards came summarised.
        summary: the summary of a big epic's cards, else empty.
    """

    epic: Mapping[str, Any]
    card_lines: Sequence[str]
    summary: Mapping[str, Any]
    persona_set: str
    min_stories: int
    max_stories: int


def _digest(text: str) -> bytes:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def find_fences(text: str) -> Fences:
    """The blocks of a prompt. A fence that is only mentioned in prose holds no JSON: skipped."""
    found = {name: _inside(text, name) for name in _NAMES}
    return Fences(blocks={name: inner for name, inner in found.items() if inner})


def epic_code(fences: Fences) -> str | None:
    """The code of the epic, or else of the page, that a call is about, or None."""
    for name in ("epic", "page"):
        code = parse_object(fences[name]).get("code")
        if isinstance(code, str):
            return code
    return None


def read_brief(fences: Fences) -> Brief:
    """The brief behind the fences; what is missing or unreadable takes a sensible default."""
    task = parse_object(fences["task"])
    lines = [line for line in fences["cards"].splitlines() if line.strip()]
    summary = parse_object(lines[0]) if len(lines) == 1 and "cardCount" in lines[0] else {}
    fewest = _count(task.get("minStories"), DEFAULT_MIN_STORIES)
    return Brief(
        epic=parse_object(fences["epic"]),
        card_lines=[] if summary else lines,
        summary=summary,
        persona_set=str(task.get("personaSet", "core")),
        min_stories=fewest,
        max_stories=max(fewest, _count(task.get("maxStories"), DEFAULT_MAX_STORIES)),
    )


_OPENING = {name: re.compile(rf"<{name}(?:\s[^>]*)?>") for name in _NAMES}


def _inside(text: str, name: str) -> str:
    for opening in _OPENING[name].finditer(text):
        end = text.find(f"</{name}>", opening.end())
        inner = text[opening.end() : end].strip() if end >= 0 else ""
        if inner[:1] in ("{", "["):
            return inner
    return ""


def parse_object(text: str) -> dict[str, Any]:
    """The JSON object in a text; anything else reads as an empty one."""
    try:
        value = json.loads(text) if text else {}
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def parse_list(text: str) -> list[Any]:
    """The JSON list in a text; anything else reads as an empty one."""
    try:
        value = json.loads(text) if text else []
    except ValueError:
        return []
    return value if isinstance(value, list) else []


def _count(value: object, default: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        return default
    return min(value, STORIES_MAX)
