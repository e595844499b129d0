"""BATCHES: 100,000 requests of one run in the provider's batches: what a worker holds in memory
while it hands them in, asks about them and reads 500 MB of results, and what a look costs.

The batches end by the simulator's clock, once all are out; the run is paused by then, so that the
answers are kept and no lane works on them. A file of 500 MB is read besides, by the client alone.
"""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass

import httpx2
import psutil
from django.conf import settings
from django.db.models import Sum

from benchmarks import runs
from benchmarks.backlogs import project_create
from benchmarks.bench import Bench
from benchmarks.processes import Tree
from benchmarks.rows import Rows, Value, side_by_side
from benchmarks.simulated_provider import SimulatedProvider, simulated_provider
from providers.anthropic.account import AnthropicAccount
from providers.batches import BatchState
from runs.engine.controls import run_control
from runs.engine.start import RunOptions, run_start
from runs.models import ProviderBatch, ProviderCall
from runs.states import CallOutcome, MoneyLane, Pacing

_REQUESTS, _TEXT_BYTES = 100_000, 5_000
#: Of the one file: lines that are ten times as long.
_FILE_LINES, _LINE_BYTES = 10_000, 50_000
_ENDS_AFTER_S = 3600.0
_LOOKED_AT_S = 20.0
_SETTINGS = {
    "BATCHGEN_BATCH_TICK_S": "0.25",
    "BATCHGEN_BATCH_POLL_S": "1",
    "BATCHGEN_BATCH_POLL_MOST_S": "1",
}
_HEADERS = {"x-api-key": "none", "anthropic-version": "2023-06-01"}
_MB = 1_000_000


@dataclass
class _Memory:
    """A process's resident bytes over a time."""

    first: int = 0
    most: int = 0

    @property
    def grown_mb(self) -> float:
        """Above what it had at the beginning."""
        return (self.most - self.first) / _MB


@contextmanager
def _memory(tree: Tree) -> Iterator[_Memory]:
    """Look at it all the time until the end of the block."""
    memory, stop = _Memory(first=tree.rss_bytes()), threading.Event()

    def look() -> None:
        while not stop.wait(0.2):
            memory.most = max(memory.most, tree.rss_bytes())

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield memory
    finally:
        stop.set()
        thread.join()
        memory.most = max(memory.most, tree.rss_bytes())


def run(bench: Bench) -> Rows:
    """Once."""
    bench.empty()
    total = bench.epics(_REQUESTS)
    with simulated_provider(bench, latency_ms=0) as provider:
        provider.configure(batch_ends_after_s=_ENDS_AFTER_S)
        # The first one writes the cache, and the others wait for it.
        action = {"type": "batch", "ends_after_s": 0}
        match = {"endpoint": "batches.create"}
        provider.faults([{"match": match, "times": 1, "action": action}])
        with bench.worker(threads=10, provider_url=provider.url, settings=_SETTINGS) as worker:
            figures = _of_a_run(provider, worker, total)
        figures |= _of_a_file(provider, bench.epics(_FILE_LINES))
    return Rows(
        name="BATCHES",
        title=f"{total:,} requests of one run in batches, one worker",
        rows=side_by_side("figure", {"batchgen": figures}),
        notes=["wanted: one request a look whatever the number of batches; memory flat"],
    )


def _of_a_run(provider: SimulatedProvider, worker: Tree, total: int) -> dict[str, Value]:
    project = project_create(epics=total)
    options = RunOptions(pacing_profile=Pacing.ADAPTIVE, max_concurrency=10, lane=MoneyLane.BATCH)
    begun = time.perf_counter()
    started = run_start(project=project, user=project.created_by, options=options)
    runs.await_count(_handed_in, total // 10)
    with _memory(worker) as handing_in:
        runs.await_count(_handed_in, total - 1)
    handed_in_s = time.perf_counter() - begun
    asked = provider.batch_calls()
    time.sleep(_LOOKED_AT_S)
    more = {name: many - asked.get(name, 0) for name, many in provider.batch_calls().items()}
    run_control(run=started, action="pause", user=project.created_by)
    text = {"type": "text", "text": "x" * _TEXT_BYTES}
    provider.faults([{"match": {"endpoint": "batches.line"}, "times": None, "action": text}])
    answered_before = _answered()
    _advance(provider)
    begun = time.perf_counter()
    with _memory(worker) as reading:
        runs.await_count(_answered, total)
    read_s = time.perf_counter() - begun
    return {
        "batches out at a time": ProviderBatch.objects.filter(run=started).count() - 1,
        "handed in, s": handed_in_s,
        "- memory grew from its first tenth to its end, MB": handing_in.grown_mb,
        "requests in 20 s of looking every 1 s: list": more.get("list", 0),
        "- and all others": sum(more.values()) - more.get("list", 0),
        "results read and kept, MB": (total - answered_before) * _TEXT_BYTES / _MB,
        "- in s": read_s,
        "- the worker's memory grew, MB": reading.grown_mb,
    }


def _handed_in() -> int:
    found = ProviderBatch.objects.exclude(provider_batch_id=None).aggregate(n=Sum("expected"))
    return found["n"] or 0


def _answered() -> int:
    return ProviderCall.objects.filter(outcome=CallOutcome.ANSWERED).count()


def _advance(provider: SimulatedProvider) -> None:
    """Answered when all batches have ended."""
    httpx2.post(
        f"{provider.url}/_sim/clock", json={"advance_s": _ENDS_AFTER_S}, timeout=3600
    ).raise_for_status()


def _of_a_file(provider: SimulatedProvider, lines: int) -> dict[str, Value]:
    text = {"type": "text", "text": "x" * _LINE_BYTES}
    provider.faults([{"match": {"endpoint": "batches.line"}, "times": None, "action": text}])
    message = {"role": "user", "content": "Write."}
    params = {"model": settings.MODEL, "max_tokens": 100_000, "messages": [message]}
    requests = [{"custom_id": f"line-{place}", "params": params} for place in range(lines)]
    made = httpx2.post(
        f"{provider.url}/v1/messages/batches",
        json={"requests": requests},
        headers=_HEADERS,
        timeout=300,
    )
    name = made.raise_for_status().json()["id"]
    _advance(provider)
    begun = time.perf_counter()
    with _memory(Tree(psutil.Process())) as memory:
        read = asyncio.run(_read(provider.url, name))
    return {
        "one file, MB": read / _MB,
        "- read in s": time.perf_counter() - begun,
        "- the reader's memory grew, MB": memory.grown_mb,
    }


async def _read(url: str, name: str) -> int:
    """Characters of all answers of a batch."""
    account = AnthropicAccount(api_key="none", base_url=url, timeout_s=60)
    client = account.connect(max_connections=2)
    await client.open()
    try:
        state: BatchState = await client.batches.get(name)
        read = 0
        async with aclosing(client.batches.results(state)) as results:
            async for result in results:
                assert result.completion is not None
                read += len(result.completion.text)
        return read
    finally:
        await client.close()
