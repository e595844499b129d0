"""W7: the linter of stories, and near-duplicates among many. One core, no servers asked.

Stories are the real ones of the test data; the many for duplicates are theirs with up to two
words exchanged, by a fixed seed. The sets of an epic are what the simulator answers for each epic
of that data, linted as the pipeline's fifth stage does.
"""

import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from benchmarks.bench import Bench
from benchmarks.rows import Rows, Value, spread
from content.project_input import ProjectInput
from content.stories.prompts.rendering import PROMPTS
from content.stories.requests import first_request
from content.stories.stages.context_building import build_context
from content.stories.values import CardInput, EpicInput, GenerationInput
from quality.defects import StoryText
from quality.duplicates import alike_pairs, want_of
from quality.linter import lint
from quality.text import one_line
from simulator.writing.brief import find_fences, read_brief
from simulator.writing.stories import write_stories

_LINTED = 10_000
_SEED = 1
#: What would take minutes if any rule took the square of a text's length.
_HOSTILE = {
    "200 kB of brackets": "(" * 100_000 + ")" * 100_000,
    "20,000 times and": "and " * 20_000,
    "20,000 times and see a": "and see a " * 20_000,
}
_COMPARED = (2_500, 5_000, 10_000, 20_000)
_BACKLOGS = Path(__file__).parent.parent / "tests" / "data" / "backlogs"
_CRITERIA = (
    "Given a signed-in reader, when they take a map, then the loan is shown within 2 seconds.",
    "Given a reader without a card, when they take a map, then the loan is refused.",
)


def run(bench: Bench) -> Rows:
    """CPU milliseconds of each size."""
    texts = _texts()
    linted = [
        StoryText(user_story=text, title=text[:60], acceptance_criteria=_CRITERIA)
        for text in (texts * 8)[:_LINTED]
    ]
    sets = _sets()
    rows = [
        _row(
            "lint, an epic",
            round(sum(map(len, sets)) / len(sets), 1),
            bench.repeats,
            lambda: _each(sets),
            of=len(sets),
        ),
        _row("lint", _LINTED, bench.repeats, lambda: lint(linted, whole_product=True)),
    ]
    for what, text in _HOSTILE.items():
        story = StoryText(user_story=f"As a user, I want to {text}, so that I win.")
        rows.append(_row(f"lint: {what}", 1, bench.repeats, partial(lint, [story])))
    for count in _COMPARED:
        many = _many(texts, count)
        rows.append(_row("near-duplicates", count, bench.repeats, partial(_compare, many)))
    return Rows(name="W7", title="quality of stories, one core", rows=rows)


def _sets() -> list[list[StoryText]]:
    """What the simulator answers for each epic of the test data."""
    sets: list[list[StoryText]] = []
    for path in sorted(_BACKLOGS.glob("*.json")):
        backlog = json.loads(path.read_text())
        cards = {card["code"]: card for card in backlog["cards"]}
        for epic in backlog["epics"]:
            inp = _input(epic, [cards[code] for code in epic["cards"] if code in cards])
            request = first_request(inp, build_context(inp))
            stories = write_stories(read_brief(find_fences(request.completion.user)), _SEED)
            sets.append([_as_text(story) for story in stories])
    return sets


def _input(epic: dict[str, Any], cards: list[dict[str, Any]]) -> GenerationInput:
    return GenerationInput(
        run_epic_id="",
        project=ProjectInput(name="", description="", context=""),
        prompts=PROMPTS,
        language="English",
        epic=EpicInput(
            code=epic["code"],
            title=epic["title"],
            theme="",
            description=epic.get("description") or "",
            business_value="",
            acceptance_criteria=(),
            dependencies=(),
            effort="",
            impact="",
            priority=None,
        ),
        cards=tuple(
            CardInput(
                code=card["code"],
                title=card["title"],
                persona=card["persona"],
                statement=card["statement"],
                problem=None,
                systems=(),
            )
            for card in cards
        ),
        mode="standard",
        persona_set="core",
        model="",
        max_tokens=4_000,
        skip_quality_check=False,
    )


def _as_text(story: dict[str, Any]) -> StoryText:
    return StoryText(
        user_story=one_line(story["userStory"]),
        title=story["title"],
        persona=story["persona"],
        acceptance_criteria=tuple(story["acceptanceCriteria"]),
    )


def _texts() -> list[str]:
    return [
        one_line(card["statement"])
        for path in sorted(_BACKLOGS.glob("*.json"))
        for card in json.loads(path.read_text())["cards"]
    ]


def _many(texts: list[str], count: int) -> list[str]:
    random = Random(1)
    vocabulary = sorted({word for text in texts for word in text.split()})
    many: list[str] = []
    for _ in range(count):
        words = random.choice(texts).split()
        for _ in range(random.randrange(3)):
            words[random.randrange(len(words))] = random.choice(vocabulary)
        many.append(" ".join(words))
    return many


def _compare(texts: list[str]) -> None:
    alike_pairs([want_of(text) for text in texts])


def _each(sets: list[list[StoryText]]) -> None:
    for stories in sets:
        lint(stories)


def _row(
    what: str, count: float, repeats: int, work: Callable[[], object], *, of: int = 1
) -> dict[str, Value]:
    """The time of each of `of` equal pieces of work."""
    milliseconds: list[float] = []
    for _ in range(repeats):
        begun_s = time.process_time()
        work()
        milliseconds.append((time.process_time() - begun_s) * 1_000 / of)
    return {"what": what, "stories": count, "CPU ms": spread(milliseconds)}
