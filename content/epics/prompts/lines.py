"""Cards and epics as lines of a prompt, each one JSON object of bounded length."""

from collections.abc import Iterable

from content.epics.values import CardInput, Epic, KeptEpic
from content.prompts import fenced
from content.tidy_text import shortened
from quality.text import one_line

#: No card crowds out others.
_STATEMENT_CHARS = 1_200
_PROBLEM_CHARS = 600
_NAMES_OF_CARD = 10
_NAME_CHARS = 80
_TITLE_CHARS = 200
#: Of an epic that is kept, or to be merged; its title says most.
_DESCRIPTION_CHARS = 240
#: Of all kept epics together.
_KEPT_CHARS = 12_000


def card_line(card: CardInput) -> str:
    """A card, its long texts shortened."""
    return fenced(
        {
            "code": card.code,
            "title": shortened(one_line(card.title), _TITLE_CHARS),
            "persona": shortened(one_line(card.persona), _NAME_CHARS),
            "statement": shortened(one_line(card.statement), _STATEMENT_CHARS),
            "problem": card.problem and shortened(one_line(card.problem), _PROBLEM_CHARS),
            "systems": _names(card.systems),
            "themes": _names(card.themes),
        }
    )


def is_shortened(card: CardInput) -> bool:
    """Whether its line has less than the card."""
    return len(card.statement) > _STATEMENT_CHARS or len(card.problem or "") > _PROBLEM_CHARS


def _names(names: tuple[str, ...]) -> list[str]:
    return [shortened(one_line(name), _NAME_CHARS) for name in names[:_NAMES_OF_CARD]]


def epic_line(epic: Epic) -> str:
    """An epic that is to be merged."""
    return fenced(
        {
            "ref": epic.ref,
            "title": shortened(epic.title, _TITLE_CHARS),
            "theme": shortened(epic.theme, _NAME_CHARS),
            "description": shortened(epic.description, _DESCRIPTION_CHARS),
            "effort": epic.effort,
            "impact": epic.impact,
            "cards": len(epic.members),
        }
    )


def kept_lines(kept: Iterable[KeptEpic]) -> tuple[list[str], int]:
    """The kept epics, as far as there is room, and how many found none."""
    lines, left, out = [], _KEPT_CHARS, 0
    for epic in kept:
        line = fenced(
            {
                "code": epic.code,
                "title": shortened(one_line(epic.title), _TITLE_CHARS),
                "theme": shortened(one_line(epic.theme), _NAME_CHARS),
                "description": shortened(one_line(epic.description), _DESCRIPTION_CHARS),
                "cards": len(epic.cards),
            }
        )
        if len(line) > left:
            out += 1
            continue
        left -= len(line) + 1
        lines.append(line)
    return lines, out
