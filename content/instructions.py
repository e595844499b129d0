"""What the person who starts a run asks of its answers, in words of their own; pure.

They stand in a block of their own, behind the data, and say so: what they may change is wording,
and neither the form of an answer nor what `<task>` counts. Checks of answers never ask them.
"""

from pathlib import Path

from content.prompts import PromptTemplate, fenced
from epics import bounds

_NAME = "instructions.md"
_BLOCK = PromptTemplate(
    name=_NAME, text=(Path(__file__).parent / _NAME).read_text(encoding="utf-8")
)


def instructions_cleaned(text: str) -> str:
    """As a run keeps them: what everybody sees of them, and nothing else.

    Raises:
        ValueError: they are too long.
    """
    cleaned = bounds.seen_lines(text)
    if len(cleaned) > bounds.INSTRUCTIONS_CHARS:
        raise ValueError(
            f"The instructions have {len(cleaned):,} characters; at most "
            f"{bounds.INSTRUCTIONS_CHARS:,} are allowed."
        )
    return cleaned


def instructed(user: str, instructions: str) -> str:
    """A call's user message, followed by a run's instructions where there are some.

    They come last: what is before them, and the system blocks, stay alike and can be cached.
    """
    if not instructions:
        return user
    return f"{user}\n\n{_BLOCK.render(instructions=fenced(instructions))}"
