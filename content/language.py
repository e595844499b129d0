"""The language that a run's answers are written in."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from content.sentences import ENGLISH, FRAMES, Frame
from epics.languages import is_language, language_tags
from quality.linter import is_english

DEFAULT_LANGUAGE = "English"


def language_of(options: Mapping[str, Any], project: str) -> str:
    """What was chosen for the run, else the project's.

    A language that was stored before languages came from a list is no text for a prompt.
    """
    named = (options.get("language", ""), project)
    return next((name for name in named if name and is_language(name)), DEFAULT_LANGUAGE)


@lru_cache(maxsize=256)
def frame_of(language: str) -> Frame | None:
    """How sentences of a language, by any of its names, are put together; None where they are
    asked for whole."""
    if is_english(language):
        return ENGLISH
    tags = language_tags(language)
    return FRAMES.get(tags[-1]) if tags else None
