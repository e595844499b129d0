"""Read stories from a file: text, CSV, or a project's JSON."""

from dataclasses import dataclass
from pathlib import Path

from batchgen.api.strict_json import JSONRefused, strict_loads
from batchgen.errors import ValidationFailed
from epics.files import story_csv, story_lines
from epics.files.backlog_document import Backlog, backlog_parse
from epics.files.csv_table import CSVRefused
from epics.files.file_text import UndecodableFile, decode_text
from quality.defects import StoryText


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
    """The stories of a file; its suffix says what it is: .json, .csv or .tsv, or text.

    Raises:
        StoriesRefused: it cannot be read, or holds none.
    """
    try:
        raw = path.read_bytes()
        found = _READERS.get(path.suffix.lower(), _from_text)(raw)
    except OSError as error:
        raise StoriesRefused(f"{path} cannot be read: {error.strerror}.") from error
    except (UndecodableFile, CSVRefused) as error:
        raise StoriesRefused(f"{path}: {error}") from error
    if not found.stories:
        raise StoriesRefused(f"{path} holds no stories.")
    return found


def _from_text(raw: bytes) -> StoryFile:
    found = story_lines.stories_of(decode_text(raw))
    return StoryFile(
        stories=tuple([story for _, story in found]),
        places=tuple([f"line {number}" for number, _ in found]),
    )


def _from_csv(raw: bytes) -> StoryFile:
    found = story_csv.stories_of(decode_text(raw))
    return StoryFile(
        stories=tuple([story for _, story in found]),
        places=tuple([f"row {number}" for number, _ in found]),
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


_READERS = {".json": _from_json, ".csv": _from_csv, ".tsv": _from_csv}


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
