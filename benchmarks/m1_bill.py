"""M1: the provider's bill for stories of the real backlogs: a plain loop, realtime runs, batches.

The plain loop makes one call after the other, one for each epic, marks nothing for the cache and
takes answers in whole words. Its prompts are ours; what they said before answers had short keys was
240 tokens shorter, and the loop 2 % cheaper. Bills are the simulator's, which prices by code and a
table of its own; the form of an answer counts as input there, as it does at the provider.
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any
from uuid import UUID

import httpx2
from django.contrib.auth.models import User
from django.db.models import Sum

from benchmarks import runs
from benchmarks.bench import Bench
from benchmarks.rows import Rows, Value, side_by_side
from benchmarks.sample_calls import SampleCall, backlogs, sample_calls
from benchmarks.simulated_provider import SimulatedProvider, simulated_provider
from epics.files.backlog_import import backlog_import
from runs.engine.start import RunOptions, run_start
from runs.models import LedgerLine, Run
from runs.states import MoneyLane, Pacing

_PLAIN = "plain loop"
_LANES = 20
_WANTED = 45
_HEADERS = {"x-api-key": "none", "anthropic-version": "2023-06-01"}
_SETTINGS = {"BATCHGEN_BATCH_POLL_S": "1"}

Bill = dict[str, Any]


def run(bench: Bench) -> Rows:
    """Three bills over the same epics, and what our ledger says of two of them."""
    ledgers: dict[str, int] = {}
    with simulated_provider(bench, latency_ms=0) as provider:
        bills = {_PLAIN: _bill(provider, partial(_plain_loop, provider))}
        for lane in (MoneyLane.REALTIME, MoneyLane.BATCH):
            bench.empty()
            with bench.worker(threads=_LANES, provider_url=provider.url, settings=_SETTINGS):
                bills[lane.value] = _bill(provider, partial(_runs, lane))
            ledgers[lane.value] = _ledger()
    plain, batch = bills[_PLAIN], bills[MoneyLane.BATCH.value]
    share = 100 * batch["micro_usd"] / plain["micro_usd"]
    return Rows(
        name="M1",
        title=f"bills for {plain['calls']} epics of the real backlogs, {plain['by'][0]['model']}",
        rows=side_by_side(
            "figure",
            {way: _figures(bill, plain, ledgers.get(way)) for way, bill in bills.items()},
        ),
        notes=[f"in batches {share:.1f} % of the plain loop (wanted: at most {_WANTED} %)"],
    )


def _bill(provider: SimulatedProvider, work: Callable[[], None]) -> Bill:
    provider.reset()
    provider.configure(format_is_input=1)
    work()
    return provider.bill()


def _plain_loop(provider: SimulatedProvider) -> None:
    with httpx2.Client(base_url=provider.url, headers=_HEADERS, trust_env=False) as client:
        for call in sample_calls():
            if call.kind == "stories":
                client.post("/v1/messages", json=_plain_body(call)).raise_for_status()


def _plain_body(call: SampleCall) -> dict[str, object]:
    asked = call.request.completion
    return {
        "model": asked.model,
        "max_tokens": asked.max_tokens,
        "system": "\n\n".join(block.text for block in asked.system),
        "messages": [{"role": "user", "content": asked.user}],
        "output_config": {"format": {"type": "json_schema", "schema": call.wordy}},
    }


def _runs(lane: MoneyLane) -> None:
    """A run for each backlog, all at once, to their end."""
    owner, _ = User.objects.get_or_create(username="benchmark")
    projects = [backlog_import(user=owner, document=document) for document in backlogs()]
    options = RunOptions(pacing_profile=Pacing.ADAPTIVE, max_concurrency=_LANES, lane=lane)
    started = [run_start(project=project, user=None, options=options) for project in projects]
    runs.await_count(_ended, len(started))
    for each in started:
        each.refresh_from_db()
        runs.finished(each)


def _ended() -> int:
    return Run.objects.exclude(completed_at=None).count()


def _ledger() -> int:
    """Micro-dollars of all runs that there are."""
    ids: Iterable[UUID] = Run.objects.values_list("id", flat=True)
    lines = LedgerLine.objects.filter(run_id__in=list(ids))
    return lines.aggregate(sum=Sum("cost_micro_usd"))["sum"] or 0


def _figures(bill: Bill, plain: Bill, ledger: int | None) -> dict[str, Value]:
    def tokens(*names: str) -> int:
        return sum(int(each[f"{name}_tokens"]) for each in bill["by"] for name in names)

    return {
        "calls": bill["calls"],
        "in batches": sum(each["calls"] for each in bill["by"] if each["lane"] == "batch"),
        "input tokens, uncached": tokens("input"),
        "- written to the cache": tokens("cache_write_5m", "cache_write_1h"),
        "- read from it": tokens("cache_read"),
        "output tokens": tokens("output"),
        "bill, micro-dollars": bill["micro_usd"],
        "- of the plain loop's, %": 100 * bill["micro_usd"] / plain["micro_usd"],
        "our ledger, micro-dollars": ledger,
    }
