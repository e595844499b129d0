"""The language that a run's answers are written in."""

from collections.abc import Mapping
from typing import Any

from epics.languages import is_language

DEFAULT_LANGUAGE = "English"


def language_of(options: Mapping[str, Any], project: str) -> str:
    """What was chosen for the run, else the project's.

    A language that was stored before languages came from a list is no text for a prompt.
    """
    named = (options.get("language", ""), project)
    return next((name for name in named if name and is_language(name)), DEFAULT_LANGUAGE)
