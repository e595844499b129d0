"""The templates of stories, and the name of those that a run's calls begin with."""

from functools import cache
from pathlib import Path

from content.prompts import PromptFolder

_FOLDER = PromptFolder(Path(__file__).parent)
template = _FOLDER.template


@cache
def prompt_version(mode: str, persona_set: str) -> str:
    """12 hex digits that change whenever a template used for this mode and persona set does."""
    return _FOLDER.version(
        (
            "instructions.md",
            f"modes/{mode}.md",
            f"personas/{persona_set}.md",
            "project.md",
            "user.md",
            "repair.md",
        )
    )
