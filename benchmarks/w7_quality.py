"""W7: the linter of stories, and near-duplicates among many. One core, no servers asked.

Stories are the real ones of the test data; the many for duplicates are theirs with up to two
words exchanged, by a fixed seed.
"""

import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random

from benchmarks.bench import Bench
from benchmarks.rows import Rows, Value, spread
from quality.defects import StoryText
from quality.duplicates import alike_pairs, want_of
from quality.linter import lint
from quality.text import one_line

_LINTED = 1_500
_COMPARED = (2_500, 5_000, 10_000, 20_000)
_BACKLOGS = Path(__file__).parent.parent / "tests" / "data" / "backlogs"
_CRITERIA = (
    "Given a signed-in reader, when they take a map, then the loan is shown within 2 seconds.",
    "Given a reader without a card, when they take a map, then the loan is refused.",
)


def run(bench: Bench) -> Rows:
    """CPU seconds of each size."""
    texts = _texts()
    linted = [
        StoryText(user_story=text, title=text[:60], acceptance_criteria=_CRITERIA)
        for text in (texts * 2)[:_LINTED]
    ]
    rows = [_row("lint", _LINTED, bench.repeats, lambda: lint(linted, whole_product=True))]
    for count in _COMPARED:
        many = _many(texts, count)
        rows.append(_row("near-duplicates", count, bench.repeats, partial(_compare, many)))
    return Rows(name="W7", title="quality of stories, one core", rows=rows)


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


def _row(what: str, count: int, repeats: int, work: Callable[[], object]) -> dict[str, Value]:
    seconds: list[float] = []
    for _ in range(repeats):
        begun_s = time.process_time()
        work()
        seconds.append(time.process_time() - begun_s)
    return {"what": what, "stories": count, "CPU s": spread(seconds)}
