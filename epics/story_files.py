"""Stories out of files: text with one a line, CSV, or a project's JSON."""

import csv
import io
from dataclasses import dataclass
from pathlib import Path

from batchgen.errors import ValidationFailed
from batchgen.strict_json import JSONRefused, strict_loads
from epics.backlog_document import Backlog, backlog_parse
from quality.defects import StoryText

#: The columns that count, by their names without case, spaces, - and _.
_COLUMNS = {
    "userstory": "user_story",
    "story": "user_story",
    "statement": "user_story",
    "persona": "persona",
    "role": "persona",
    "acceptancecriteria": "acceptance_criteria",
}


class StoriesRefused(Exception):
    """The file has no stories that can be read; the text says why."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StoryFile:
    """The stories of a file, and where each stands in it: a line, a row or a code."""

    stories: tuple[StoryText, ...]
    places: tuple[str, ...]
    language: str = ""
    whole_product: bool = False


def stories_read(path: Path) -> StoryFile:
    """The stories of a file; its suffix says what it is: .json, .csv, or text.

    Raises:
        StoriesRefused: it cannot be read, or holds none.
    """
    try:
        raw = path.read_bytes()
        read = {".json": _from_json, ".csv": _from_csv}.get(path.suffix.lower(), _from_text)
        found = read(raw)
    except OSError as error:
        raise StoriesRefused(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise StoriesRefused(f"{path} is not UTF-8 text.") from error
    if not found.stories:
        raise StoriesRefused(f"{path} holds no stories.")
    return found


def _from_text(raw: bytes) -> StoryFile:
    lines = [
        (number, line)
        for number, line in enumerate(raw.decode("utf-8-sig").splitlines(), start=1)
        if line.strip()
    ]
    return StoryFile(
        stories=tuple([StoryText(user_story=line) for _, line in lines]),
        places=tuple([f"line {number}" for number, _ in lines]),
    )


def _from_csv(raw: bytes) -> StoryFile:
    try:
        rows = list(csv.reader(io.StringIO(raw.decode("utf-8-sig"), newline=""), strict=True))
    except csv.Error as error:
        raise StoriesRefused(f"This is not CSV: {error}.") from error
    head = [_COLUMNS.get(_plain(name), "") for name in rows[0]] if rows else []
    if "user_story" not in head:
        raise StoriesRefused(
            'The CSV needs a column "User story"; its first row names the columns.'
        )
    entries = [
        (number, dict(zip(head, row, strict=False))) for number, row in enumerate(rows[1:], start=2)
    ]
    kept = [(number, entry) for number, entry in entries if entry.get("user_story", "").strip()]
    return StoryFile(
        stories=tuple([_from_row(entry) for _, entry in kept]),
        places=tuple([f"row {number}" for number, _ in kept]),
    )


def _plain(name: str) -> str:
    return name.casefold().replace(" ", "").replace("_", "").replace("-", "")


def _from_row(entry: dict[str, str]) -> StoryText:
    criteria = entry.get("acceptance_criteria")
    lines = [line for line in (criteria or "").splitlines() if line.strip()]
    return StoryText(
        user_story=entry["user_story"],
        persona=entry.get("persona", ""),
        acceptance_criteria=None if criteria is None else tuple(lines),
    )


def _from_json(raw: bytes) -> StoryFile:
    try:
        backlog = backlog_parse(strict_loads(raw))
    except JSONRefused as error:
        raise StoriesRefused(f"This is not JSON as batchgen takes it. {error}") from error
    except ValidationFailed as error:
        path, problem = next(iter(error.details.items()), ("", ""))
        raise StoriesRefused(f"This is no project's JSON. {path}: {problem}") from error
    named = _stories(backlog) or _statements(backlog)
    return StoryFile(
        stories=tuple([story for _, story in named]),
        places=tuple([code for code, _ in named]),
        language=backlog.project.language,
        whole_product=True,
    )


def _stories(backlog: Backlog) -> list[tuple[str, StoryText]]:
    return [
        (
            story.code,
            StoryText(
                user_story=story.user_story,
                title=story.title,
                persona=story.persona,
                acceptance_criteria=tuple(story.acceptance_criteria),
            ),
        )
        for epic in backlog.epics
        for story in epic.stories
    ]


def _statements(backlog: Backlog) -> list[tuple[str, StoryText]]:
    """Where no story is written yet: what the cards say."""
    return [
        (card.code, StoryText(user_story=card.statement, persona=card.persona))
        for card in backlog.cards
        if card.statement.strip()
    ]
