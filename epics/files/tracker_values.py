"""What trackers want of a backlog's words: short lines, labels, ranks, points."""

import re
from decimal import Decimal
from typing import Any

_NOT_OF_A_LABEL = re.compile(r"[^\w.-]+")
#: Jira's limit of a summary, and Azure's of a title.
_LINE_CHARS = 255

#: What people and models call a priority: 0 cannot wait, 3 can.
_RANKS = {
    "blocker": 0, "critical": 0, "highest": 0, "urgent": 0,
    "high": 1, "must": 1,
    "medium": 2, "normal": 2, "should": 2,
    "could": 3, "low": 3, "lowest": 3, "minor": 3,
}  # fmt: skip
#: The sizes of T-shirts as points, each about twice the one before.
_POINTS = {"XS": "1", "S": "2", "M": "3", "L": "5", "XL": "8", "XXL": "13"}
_NUMBER = re.compile(r"\d{1,3}(?:\.5)?")


def short_line(text: str, most: int = _LINE_CHARS) -> str:
    """One line of at most so many characters."""
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def plain_label(text: str) -> str:
    """A label without spaces and signs, which nearly everybody takes."""
    return _NOT_OF_A_LABEL.sub("-", text).strip("-")[:_LINE_CHARS]


def rank(priority: str) -> int | None:
    """0 for what cannot wait to 3 for what can; None for a word that says neither."""
    return _RANKS.get(priority.strip().casefold())


def points(effort: str) -> str:
    """A number for the effort, "" where it is neither a size nor a number."""
    size = effort.strip().upper()
    return _POINTS.get(size, size if _NUMBER.fullmatch(size) else "")


def hours(subtask: dict[str, Any]) -> str:
    """Its hours without needless zeros: "3", "1.5"."""
    return f"{Decimal(str(subtask['effortHours'])).normalize():f}"


def subtask_line(subtask: dict[str, Any]) -> str:
    """A subtask on one line: "E1-S1-T2: Draw the curve (frontend, 3 h)"."""
    told = f"{subtask['code']}: {subtask['title']} ({subtask['kind']}, {hours(subtask)} h)"
    return " ".join(told.split())
