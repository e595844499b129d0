"""Jobs of an attempt: what others have meanwhile, and what ends them."""

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

import pytest
from django.db import OperationalError, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from pytest_django.fixtures import Settings

from batchgen.db.ids import new_id
from batchgen.redis.loop_client import loop_client
from content import registry
from content.pipeline import Draft, Job, Steps
from content.stories.kind import Stories, StoriesKind
from content.stories.values import GenerationInput
from runs.engine.lanes import lanes_dispatch
from runs.models import Lane, ProviderCall, RunItem
from tests.integration.engine.bench import Attempted, Bench
from tests.integration.engine.world import FIRST, World, assert_counted, attempt_make, worker_make
from workers import attempt as attempts
from workers.permits import FirstCall, Permit, Permits

pytestmark = pytest.mark.django_db(transaction=True)


def _attempt(
    monkeypatch: pytest.MonkeyPatch,
    bench: Bench,
    *,
    before: Callable[[], object] = lambda: None,
    then: Callable[[], object] = lambda: None,
    after: Callable[[], object] = lambda: None,
) -> Attempted:
    """At an epic whose steps have a job run before its calls, and one after them; `then` is called
    in the loop, right after the first one."""

    class WithJobs(StoriesKind):
        jobs: ClassVar[Any] = {"before": before, "after": after}

        def steps(self, inp: GenerationInput) -> Steps[Draft[Stories]]:
            yield Job(key="before", name="before", args={})
            then()
            draft = yield from super().steps(inp)
            yield Job(key="after", name="after", args={})
            return draft

    monkeypatch.setitem(registry._KINDS, "stories", WithJobs())
    attempt = attempt_make(World.make(epics=1, lanes=1), bench)
    assert attempt
    return attempt


def test_others_have_the_permit_while_a_job_runs(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    settings.LIMIT_CONCURRENCY = 1
    found: list[object] = []
    attempts: list[Attempted] = []

    def ask() -> None:
        other = replace(FIRST, cache_key="another project's")
        found.append(bench.loop.run(permitted(other)))

    async def permitted(other: FirstCall) -> object:
        await attempts[0].attempt._tools.permits.flush()  # as it is from time to time
        async with loop_client() as client:
            permit = await Permits(client, process=new_id()).first(other, patience_s=1)
            if isinstance(permit, Permit):
                permit.unused()
            return permit

    attempts.append(_attempt(monkeypatch, bench, before=ask))
    attempts[0].run()
    assert [type(permit) for permit in found] == [Permit], found
    assert RunItem.objects.get().status == "COMPLETED"
    assert_counted(RunItem.objects.get().run)


def test_others_work_on_their_answers_while_a_job_runs(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts: list[Attempted] = []
    had_turn = threading.Event()

    async def take_turn() -> None:
        await attempts[0].attempt._tools.answers.turn()
        had_turn.set()

    def wait() -> None:
        bench.loop.begin(take_turn())
        assert had_turn.wait(5)

    attempts.append(_attempt(monkeypatch, bench, after=wait))
    attempts[0].run()
    assert RunItem.objects.get().status == "COMPLETED"


@pytest.mark.parametrize("place", ["before", "after"])
def test_an_attempt_that_was_given_up_ends_with_its_job(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    attempts: list[Attempted] = []

    def give_up() -> None:
        attempts[0].abort()

    attempts.append(_attempt(monkeypatch, bench, **{place: give_up}))
    attempts[0].run()
    item = RunItem.objects.get()
    assert (item.status, item.attempt, item.created) == ("PENDING", 0, 0)
    outcomes = {"before": "NOT_MADE", "after": "ANSWERED"}
    assert list(ProviderCall.objects.values_list("outcome", flat=True)) == [outcomes[place]]
    assert_counted(item.run)


def test_an_answer_before_a_job_that_was_given_up_is_kept(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts: list[Attempted] = []

    def give_up() -> None:
        attempts[0].abort()

    attempts.append(_attempt(monkeypatch, bench, after=give_up))
    attempts[0].run()
    run = RunItem.objects.get().run
    monkeypatch.setitem(registry._KINDS, "stories", StoriesKind())
    Lane.objects.update(wake_at="2000-01-01T00:00:00Z")
    lanes_dispatch(run_id=run.id)
    again = attempt_make(World(run=run, worker=worker_make("w2@test")), bench)
    assert again
    again.run()
    item = RunItem.objects.get()
    assert (item.status, item.attempt) == ("COMPLETED", 1)
    outcomes = ProviderCall.objects.order_by("started_at").values_list("outcome", flat=True)
    assert list(outcomes) == ["ANSWERED", "NOT_MADE"]
    assert_counted(run)


def test_a_database_that_is_away_in_a_job_fails_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> None:
        raise OperationalError("the server closed the connection")

    attempt = _attempt(monkeypatch, bench, before=away)
    with pytest.raises(OperationalError):
        attempt.run()
    assert RunItem.objects.get().status == "GENERATING"


def test_a_job_leaves_no_connection_to_the_calls_after_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each thread of the loop's gives its own back: none stays with those that wait."""
    read: list[BaseDatabaseWrapper] = []
    left: list[object] = []

    def count() -> None:
        RunItem.objects.count()
        read.append(connections["default"])

    def look() -> None:
        left.append(read[0].connection)

    _attempt(monkeypatch, bench, before=count, then=look).run()
    assert left == [None]


@pytest.mark.parametrize("large", [True, False])
def test_long_answers_are_worked_on_beside_the_loop(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, *, large: bool
) -> None:
    monkeypatch.setattr(attempts, "_LARGE_CHARS", 0 if large else 10**9)
    threads: list[str] = []

    class Tells(StoriesKind):
        def steps(self, inp: GenerationInput) -> Steps[Draft[Stories]]:
            draft = yield from super().steps(inp)
            threads.append(threading.current_thread().name)
            return draft

    monkeypatch.setitem(registry._KINDS, "stories", Tells())
    attempt = attempt_make(World.make(epics=1, lanes=1), bench)
    assert attempt
    attempt.run()
    assert RunItem.objects.get().status == "COMPLETED"
    assert (threads == ["loop"]) is not large
