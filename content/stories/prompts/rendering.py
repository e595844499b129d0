"""The templates of stories, and the name of those that a run's calls begin with."""

from functools import lru_cache
from pathlib import Path

from content.prompts import PromptFolder

PROMPTS = PromptFolder(Path(__file__).parent)


@lru_cache(maxsize=64)
def prompt_version(mode: str, persona_set: str) -> str:
    """12 hex digits that change whenever a file used for this mode and persona set does."""
    return PROMPTS.version(
        (
            "instructions.md",
            f"modes/{mode}.md",
            f"personas/{persona_set}.md",
            "project.md",
            "user.md",
            "repair.md",
        )
    )
