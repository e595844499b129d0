"""Every text at its full length, of one thing repeated: each way that reads it stays linear."""

import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from content.stories.answer import NotAStorySet, parse_story_set
from epics import bounds
from epics.files import story_csv, story_lines
from epics.files.backlog_export import FORMATS, Format
from epics.files.backlog_import import backlog_import
from epics.files.csv_table import CSVRefused
from epics.files.story_lint import project_duplicates, stories_lint
from epics.models import Project
from epics.selectors import cards_list, epics_list, stories_list
from quality.defects import StoryText
from tests.factories import user_make

pytestmark = pytest.mark.django_db

_REPEATED = (
    " ", "\t", "\n", "\r\n", "\u2028", "\u3000", "(", "[", "{", "<", ")", '"', "\u201c",
    "and ", "so that ", ",", "1", "1. ", "-", "- ", "a\u0301", "\u0301",
)  # fmt: skip
#: Less is noise, on a busy machine too.
_LEAST_S = 0.5
_MOST_RATIO = 8
_TRIES = 3


def _document(repeated: str, share: int) -> dict[str, Any]:
    def text(most: int) -> str:
        return "x" + (repeated * most)[: most // share - 2] + "y"

    def line(most: int) -> str:
        return " ".join(text(most).split())

    whole, title, name = text(bounds.TEXT_CHARS), line(bounds.TITLE_CHARS), line(bounds.NAME_CHARS)
    criteria = [text(bounds.CRITERION_CHARS)] * 20
    story: dict[str, Any] = {"code": "E1-S1", "title": title, "userStory": whole, "persona": name}
    story |= {"acceptanceCriteria": criteria, "technicalNotes": whole}
    epic: dict[str, Any] = {"code": "E1", "title": title, "theme": name, "description": whole}
    epic |= {"businessValue": whole, "acceptanceCriteria": criteria, "cards": ["C1"]}
    card: dict[str, Any] = {
        "code": "C1",
        "title": title,
        "persona": name,
        "statement": whole,
        "problem": whole,
    }
    return {
        "project": {"name": name, "description": whole, "context": text(bounds.CONTEXT_CHARS)},
        "source": whole,
        "cards": [card | {"systems": [name]}],
        "epics": [epic | {"stories": [story]}],
    }


def _ways(document: dict[str, Any]) -> Iterator[tuple[str, Callable[[], object]]]:
    project = backlog_import(user=user_make(), document=document)
    text = document["source"]
    story = document["epics"][0]["stories"][0]
    told = StoryText(user_story=story["userStory"], title=story["title"])
    yield "import", lambda: backlog_import(user=user_make(), document=document)
    for name, written in FORMATS.items():
        yield name, partial(_written, written, project)
    yield "lint", lambda: stories_lint([told], whole_product=True)
    yield "duplicates", lambda: project_duplicates(project=project)
    searched = text[: bounds.NAME_CHARS]
    yield "cards", lambda: list(cards_list(project=project, search=searched))
    yield "epics", lambda: list(epics_list(project=project, search=searched))
    yield "stories", lambda: list(stories_list(project=project, search=searched))
    yield "lines", lambda: story_lines.stories_of(text)
    yield "CSV", lambda: _csv(f"User story\n{text}")
    yield "answer", lambda: _answer(text)


def _written(written: Format, project: Project) -> None:
    for _ in written.write(project):
        pass


def _csv(text: str) -> None:
    try:
        story_csv.stories_of(text)
    except CSVRefused:
        return


def _answer(text: str) -> None:
    try:
        parse_story_set(text)
    except NotAStorySet:
        return


def _seconds(work: Callable[[], object]) -> float:
    begun_s = time.thread_time()
    work()
    return time.thread_time() - begun_s


@pytest.mark.parametrize("repeated", _REPEATED)
def test_four_times_the_text_is_not_sixteen_times_the_work(repeated: str) -> None:
    little = dict(_ways(_document(repeated, 4)))
    for name, work in _ways(_document(repeated, 1)):
        if _seconds(work) < _LEAST_S:
            continue
        much_s = min(_seconds(work) for _ in range(_TRIES))
        little_s = min(_seconds(little[name]) for _ in range(_TRIES))
        assert much_s < _LEAST_S or much_s < _MOST_RATIO * little_s, name


def test_a_criterion_of_many_lines_is_put_together_once() -> None:
    text = "- As a Reader, I want maps.\n  - first\n" + "    more\n" * 1_000
    ((_, story),) = story_lines.stories_of(text)
    assert story.acceptance_criteria == (" ".join(["first", *["more"] * 1_000]),)
