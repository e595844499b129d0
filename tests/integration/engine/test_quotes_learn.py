"""What quotes learn: what calls were asked, and runs by which prompts; the next one is of them."""

import pytest
from django.db.models.functions import Now

from runs.engine.start import RunOptions, run_start
from runs.models import Lane, ProviderBatch, ProviderCall, Run
from runs.quotes.quoting import quote_make
from runs.states import CallOutcome
from tests.conftest import Simulator
from tests.integration.engine.bench import Bench
from tests.integration.engine.world import World, attempt_make, project_make, worker_make

pytestmark = pytest.mark.django_db(transaction=True)
#: As the simulator counts.
BYTES_PER_TOKEN = 3.6


def _run_through(world: World, bench: Bench) -> None:
    while world.fences():
        attempt = attempt_make(world, bench)
        assert attempt
        attempt.run()
    world.run.refresh_from_db()
    assert world.run.status == "SUCCEEDED"


def test_a_call_keeps_what_was_asked_and_a_run_by_which_prompts(
    bench: Bench, simulator: Simulator
) -> None:
    simulator.faults([{"match": {}, "times": 1, "action": {"type": "weak_stories"}}])
    world = World.make(epics=2, lanes=1, begin=False)
    _run_through(world, bench)
    calls = list(ProviderCall.objects.filter(outcome=CallOutcome.ANSWERED).order_by("started_at"))
    assert [call.alike for call in calls] == [
        *("standard generate", "standard repair", "standard generate"),
    ]
    for call in calls:
        told = (call.input_tokens, call.cache_read_tokens, call.cache_write_tokens)
        tokens = sum(filter(None, told))
        assert call.prompt_bytes / tokens == pytest.approx(BYTES_PER_TOKEN, rel=0.02)
    assert world.run.prompt_key
    other = World.make(epics=1, name="Other")
    assert other.run.prompt_key == world.run.prompt_key


def test_the_next_quote_is_calibrated_and_close(bench: Bench, simulator: Simulator) -> None:
    for name in ("One", "Two"):
        _run_through(World.make(epics=4, lanes=1, begin=False, name=name), bench)
    project = project_make(epics=4, name="Three")
    simulator.reset()
    options = RunOptions(pacing_profile="adaptive", max_concurrency=1)
    answer = quote_make(project=project, user=None, options=options).answer
    assert answer["calibrated"]
    assert any("as in 8 calls of 2 runs" in text for text in answer["assumptions"])
    other = RunOptions(pacing_profile="adaptive", options={"mode": "concise"})
    assert not quote_make(project=project, user=None, options=other).answer["calibrated"]
    run = run_start(project=project, user=None, options=options)
    _run_through(World(run=run, worker=worker_make("w2@test")), bench)
    billed = simulator.bill()["micro_usd"]
    expected = answer["lanes"][0]["costMicroUsd"]
    assert expected["low"] <= billed <= expected["high"]
    assert billed == pytest.approx(expected["expected"], rel=0.25)
    spent = Lane.objects.get(run=run)
    prompts = spent.input_tokens + spent.cache_read_tokens + spent.cache_write_tokens
    # With what a few repairs would read.
    assert prompts < answer["inputTokens"] < 1.08 * prompts


def _batch_ended(run: Run, *, read: int, written: int = 0) -> None:
    """Of two requests, each of which read and wrote so many tokens of the cache."""
    batch = ProviderBatch.objects.create(
        run=run,
        provider=run.provider,
        expected=2,
        state="collected",
        created_at=Now(),
        ended_at=Now(),
    )
    for item in run.items.all()[:2]:
        ProviderCall.objects.create(
            item=item,
            attempt=1,
            batch=batch,
            lane="batch",
            model=run.model,
            outcome=CallOutcome.ANSWERED,
            ended_at=Now(),
            cache_read_tokens=read,
            cache_write_tokens=written,
        )


def test_batches_whose_beginning_was_not_marked_tell_nothing_of_the_cache(
    bench: Bench, simulator: Simulator
) -> None:
    world = World.make(epics=4, lanes=1, begin=False)
    _run_through(world, bench)
    for _ in range(5):
        _batch_ended(world.run, read=2_000)
    _batch_ended(world.run, read=0)
    project = project_make(epics=6, name="Next")
    options = RunOptions(pacing_profile="adaptive", max_concurrency=1)
    told = quote_make(project=project, user=None, options=options).answer["cacheAssumption"]
    assert "in batches 100% read them (100% to 100%)" in told
    _batch_ended(world.run, read=0, written=2_000)
    told = quote_make(project=project, user=None, options=options).answer["cacheAssumption"]
    assert "in batches 83% read them (0% to 100%)" in told
