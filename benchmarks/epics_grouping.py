"""EPICS: a project's cards in groups, as GENERATE_EPICS cuts those that fit no single call.

The cards of the real backlogs in `tests/data`, as often as it takes. Each size in a process of its
own, which also tells what memory that takes.
"""

import json
import resource
import sys
import time
from collections.abc import Iterator
from itertools import cycle, islice
from multiprocessing import get_context

from benchmarks.bench import ROOT, Bench
from benchmarks.rows import Rows
from content.epics.grouping import grouped
from content.epics.prompts.lines import card_line
from content.epics.sizes import codes_of, group_bounds, wanted
from content.epics.values import CardInput

_SIZES = (1_400, 10_000, 20_000)
_MAX_TOKENS = 4_000
_WANTED_CPU_S, _WANTED_MIB = 10, 500
_KIB_OF_MAXRSS = 1024 if sys.platform != "darwin" else 1


def run(bench: Bench) -> Rows:
    """CPU and memory by the number of cards."""
    with get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        rows = pool.map(_grouped, [bench.epics(size) for size in _SIZES], chunksize=1)
    return Rows(
        name="EPICS",
        title="cards in groups that fit one call each",
        rows=rows,
        notes=[f"wanted of 10,000: below {_WANTED_CPU_S} s of CPU and {_WANTED_MIB} MiB"],
    )


def _grouped(count: int) -> dict[str, float | str]:
    cards = list(islice(_cards(), count))
    sizes = [len(card_line(card)) + 1 for card in cards]
    epics = wanted(epic_count=None, cards=count, kept=0, to_place=count)
    bounds = group_bounds(codes_of(cards), epics, max_tokens=_MAX_TOKENS)
    begun = time.process_time()
    groups = grouped(cards, sizes, bounds)
    spent = time.process_time() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _KIB_OF_MAXRSS
    return {
        "cards": count,
        "groups": len(groups),
        "CPU, s": spent,
        "peak memory, MiB": peak / 2**20,
    }


def _cards() -> Iterator[CardInput]:
    texts = [
        card
        for path in sorted((ROOT / "tests/data/backlogs").glob("*.json"))
        for card in json.loads(path.read_text())["cards"]
    ]
    for number, card in enumerate(cycle(texts), start=1):
        yield CardInput(
            id=str(number),
            code=f"C{number}",
            title=card["title"],
            persona=card["persona"],
            statement=card["statement"],
            problem=card["problem"],
            systems=tuple(card["systems"]),
            themes=(),
        )
