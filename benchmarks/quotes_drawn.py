"""DRAWN: quotes of 20 runs that nobody chose, in all lanes, beside their bills.

`BENCHMARK_SEED=N` draws which real backlogs teach and which are asked, and the runs: their backlogs
(real ones, and put together of those that teach nothing), what they make, in which mode and lane,
with how many items, and whether some of it is there already and stays. Batches take 5 s, spread by
2.5. Nothing is to be tuned on a seed that was looked at: take another one.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any

from django.contrib.auth.models import User
from django.test import override_settings

from batchgen.db.clock import database_now
from benchmarks import runs
from benchmarks.bench import Bench
from benchmarks.quote_runs import (
    LANES,
    MODES,
    Case,
    compare,
    documents,
    ended,
    learn,
    made,
    options,
    quoting_provider,
    start,
    stories,
    told,
)
from benchmarks.rows import Rows, Value
from content.run_types import RunType
from epics.files.backlog_import import backlog_import
from epics.models import Project, Story
from runs.engine.start import RunOptions
from runs.models import Run
from runs.quotes.quoting import quote_make
from runs.states import MoneyLane

_SEED = int(os.environ.get("BENCHMARK_SEED", "1"))
_QUOTED = 20
#: Of the worker, and of this process, which quotes.
_SETTINGS = {
    "BATCH_TICK_S": 0.5,
    "BATCH_POLL_S": 0.5,
    "BATCH_POLL_MOST_S": 1.0,
    "BATCH_SPILL_WAIT_S": 3.0,
    "BATCH_SPILL_MARGIN_S": 3.0,
}
#: What runs make: stories most of all.
_TYPES = (
    *[RunType.GENERATE_ALL_STORIES] * 3,
    RunType.GENERATE_SUBTASKS,
    RunType.GENERATE_EPICS,
)
_LANES = (
    *[MoneyLane.REALTIME] * 8,
    *[MoneyLane.BATCH] * 7,
    *[MoneyLane.CHEAPEST] * 5,
)
_BATCH_S, _BATCH_SPREAD_S = 5, 2.5
_KEPT, _LATE, _MADE = 0.3, 0.3, 0.4
#: Epics of a backlog that is put together.
_EPICS = (5, 50)


def run(bench: Bench) -> Rows:
    """Draw, learn, then quote, run and compare one after the other."""
    random = Random(_SEED)
    every = documents()
    random.shuffle(every)
    known, new = every[: len(every) // 2], every[len(every) // 2 :]
    if bench.quick:
        known = known[:2]
    bench.empty()
    owner, _ = User.objects.get_or_create(username="benchmark")
    with (
        quoting_provider(bench, seed=random.randrange(1_000)) as provider,
        bench.worker(
            threads=2 * LANES,
            provider_url=provider.url,
            settings={f"BATCHGEN_{name}": str(value) for name, value in _SETTINGS.items()},
        ),
        override_settings(**_SETTINGS),
    ):
        provider.configure(batch_ends_after_s=_BATCH_S, batch_deviation_s=_BATCH_SPREAD_S)
        for document in known:
            learn(owner, document)
        _learn_batches(owner, known)
        rows: list[dict[str, Value]] = []
        for lane in random.sample(_LANES, 3 if bench.quick else _QUOTED):
            case = _draw(random, owner, new, lane)
            quote = quote_make(project=case.project, user=owner, options=case.options)
            rows.append(compare(provider, case, quote))
    return Rows(
        name="DRAWN",
        title=f"{len(rows)} quotes of runs drawn by {_SEED}, beside the simulator's bills",
        rows=rows,
        notes=told(rows),
    )


def _learn_batches(owner: User, known: Sequence[dict[str, Any]]) -> None:
    """Some runs by batches, all at the same time."""
    begun: list[Run] = []
    for place, document in enumerate(known[:6]):
        project = backlog_import(user=owner, document=document)
        begun.append(start(project, stories(MODES[place % len(MODES)], lane=MoneyLane.BATCH)))
    ids = [each.pk for each in begun]
    runs.await_count(
        lambda: Run.objects.filter(pk__in=ids, completed_at__isnull=False).count(), len(ids)
    )


def _draw(random: Random, owner: User, new: Sequence[dict[str, Any]], lane: str) -> Case:
    document = random.choice(new)
    if random.random() < _MADE:
        document = made(new, random.randint(*_EPICS), seed=random.randrange(10**6))
    chosen, what = _type(random)
    if chosen.type == RunType.GENERATE_EPICS:
        document = {**document, "epics": []}
    project = backlog_import(user=owner, document=document)
    notes = list(_before(random, project, chosen))
    chosen = replace(chosen, lane=lane)
    if lane == MoneyLane.CHEAPEST and random.random() < _LATE:
        seconds = random.randint(15, 90)
        chosen = replace(chosen, deadline=database_now() + timedelta(seconds=seconds))
        notes.append(f"within {seconds} s")
    return Case(what=", ".join([what, lane, *notes]), project=project, options=chosen)


def _type(random: Random) -> tuple[RunOptions, str]:
    drawn = random.choice(_TYPES)
    if drawn != RunType.GENERATE_ALL_STORIES:
        return options(drawn), drawn.removeprefix("GENERATE_").lower()
    mode = random.choice(MODES)
    return stories(mode), f"stories, {mode}"


def _before(random: Random, project: Project, chosen: RunOptions) -> Iterator[str]:
    """What is there before: the stories that are broken down, and some that stay."""
    kept = chosen.type == RunType.GENERATE_ALL_STORIES and random.random() < _KEPT
    if chosen.type == RunType.GENERATE_SUBTASKS:
        ended(start(project, stories("standard")))
    if kept:
        ended(start(project, chosen))
        ids = list(
            Story.objects.filter(project=project).order_by("code").values_list("pk", flat=True)
        )
        stay = random.sample(ids, int(len(ids) * random.uniform(0.1, 0.5)))
        Story.objects.filter(pk__in=stay).update(edited_at=database_now())
        yield f"{len(stay)} stay"
