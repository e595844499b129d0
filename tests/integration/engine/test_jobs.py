"""Jobs of an attempt: what others have meanwhile, and what ends them."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, ClassVar

import pytest
from django.db import OperationalError, connection
from pytest_django.fixtures import Settings

from batchgen.db.ids import new_id
from batchgen.redis import client as redis
from content import registry
from content.pipeline import Draft, Job, Steps
from content.stories.kind import Stories, StoriesKind
from content.stories.values import GenerationInput
from providers.anthropic.client import ProviderClient
from providers.provider import Call
from providers.values import CompletionRequest
from runs.engine.lanes import lanes_dispatch
from runs.models import Lane, ProviderCall, RunItem
from tests.conftest import Simulator
from tests.integration.engine.world import FIRST, World, assert_counted, attempt_make, worker_make
from tests.threads import elsewhere
from workers.attempt import ANSWERS, Attempt
from workers.permits import Permit, Permits

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def client(simulator: Simulator) -> Iterator[ProviderClient]:
    simulator.reset()
    redis.client().flushdb()
    client = ProviderClient(api_key="k", base_url=simulator.url, timeout_s=5, max_connections=8)
    yield client
    client.close()


def _attempt(
    monkeypatch: pytest.MonkeyPatch,
    client: ProviderClient,
    *,
    before: Callable[[], object] = lambda: None,
    after: Callable[[], object] = lambda: None,
) -> Attempt:
    """At an epic whose steps have a job run before its calls, and one after them."""

    class WithJobs(StoriesKind):
        jobs: ClassVar[Any] = {"before": before, "after": after}

        def steps(self, inp: GenerationInput) -> Steps[Draft[Stories]]:
            yield Job(key="before", name="before", args={})
            draft = yield from super().steps(inp)
            yield Job(key="after", name="after", args={})
            return draft

    monkeypatch.setitem(registry._KINDS, "stories", WithJobs())
    attempt = attempt_make(World.make(epics=1, lanes=1), client)
    assert attempt
    return attempt


def test_others_have_the_permit_while_a_job_runs(
    client: ProviderClient, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    settings.LIMIT_CONCURRENCY = 1
    found: list[object] = []
    attempts: list[Attempt] = []

    def ask() -> None:
        attempts[0]._caller._permits.flush()  # as a heartbeat does
        other = replace(FIRST, cache_key="another project's")
        permit = Permits(process=new_id()).first(other, patience_s=1)
        found.append(permit)
        if isinstance(permit, Permit):
            permit.unused()

    attempts.append(_attempt(monkeypatch, client, before=ask))
    attempts[0].run()
    assert [type(permit) for permit in found] == [Permit], found
    assert RunItem.objects.get().status == "COMPLETED"
    assert_counted(RunItem.objects.get().run)


def test_others_work_on_their_answers_while_a_job_runs(
    client: ProviderClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_time: list[bool] = []

    def answer() -> None:
        ANSWERS.acquire()
        ANSWERS.release()

    def wait() -> None:
        other = elsewhere(answer)
        other.join(5)
        in_time.append(not other.is_alive())

    _attempt(monkeypatch, client, after=wait).run()
    assert in_time == [True]
    assert RunItem.objects.get().status == "COMPLETED"


@pytest.mark.parametrize("place", ["before", "after"])
def test_an_attempt_that_was_given_up_ends_with_its_job(
    client: ProviderClient, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    attempts: list[Attempt] = []

    def give_up() -> None:
        attempts[0].abort()

    attempts.append(_attempt(monkeypatch, client, **{place: give_up}))
    attempts[0].run()
    item = RunItem.objects.get()
    assert (item.status, item.attempt, item.created) == ("PENDING", 0, 0)
    outcomes = {"before": "FAILED", "after": "ANSWERED"}
    assert list(ProviderCall.objects.values_list("outcome", flat=True)) == [outcomes[place]]
    assert_counted(item.run)


def test_an_answer_before_a_job_that_was_given_up_is_kept(
    client: ProviderClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts: list[Attempt] = []

    def give_up() -> None:
        attempts[0].abort()

    attempts.append(_attempt(monkeypatch, client, after=give_up))
    attempts[0].run()
    run = RunItem.objects.get().run
    monkeypatch.setitem(registry._KINDS, "stories", StoriesKind())
    Lane.objects.update(wake_at="2000-01-01T00:00:00Z")
    lanes_dispatch(run_id=run.id)
    again = attempt_make(World(run=run, worker=worker_make("w2@test")), client)
    assert again
    again.run()
    item = RunItem.objects.get()
    assert (item.status, item.attempt) == ("COMPLETED", 1)
    outcomes = ProviderCall.objects.order_by("started_at").values_list("outcome", flat=True)
    assert list(outcomes) == ["ANSWERED", "NOT_MADE"]
    assert_counted(run)


def test_a_database_that_is_away_in_a_job_fails_nothing(
    client: ProviderClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> None:
        raise OperationalError("the server closed the connection")

    attempt = _attempt(monkeypatch, client, before=away)
    with pytest.raises(OperationalError):
        attempt.run()
    assert RunItem.objects.get().status == "GENERATING"


def test_a_job_leaves_no_connection_to_the_calls_after_it(
    client: ProviderClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[object] = []
    attempt = _attempt(monkeypatch, client, before=RunItem.objects.count)
    start = client.start

    def started(request: CompletionRequest) -> Call:
        held.append(connection.connection)
        return start(request)

    monkeypatch.setattr(client, "start", started)
    attempt.run()
    assert held[0] is None
