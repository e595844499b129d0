"""The templates of cards, and the name of those that a run's calls begin with."""

from functools import cache
from pathlib import Path

from content.prompts import PromptFolder

PROMPTS = PromptFolder(Path(__file__).parent)


@cache
def prompt_version() -> str:
    """12 hex digits that change whenever a file does."""
    return PROMPTS.version(PROMPTS.names)
