"""Another provider goes through the seam: nothing in runs, workers or the limiter knows it."""

from collections.abc import Iterator

import pytest
from django.db.models import Sum
from pytest_django.fixtures import Settings

from epics.models import Story
from providers.registry import ACCOUNTS, limit_pool
from runs.engine.start import RunOptions, run_start
from runs.models import Closure, ProviderCall, Run, RunItem
from runs.reads.gates import gates_of, limits_read
from runs.states import Pacing
from tests.acceptance.fleet import Fleet, wait_until_ended
from tests.conftest import Simulator
from tests.integration.engine.world import assert_counted, project_make
from tests.second_provider.client import URL_VARIABLE, SecondAccount
from tests.second_provider.server import REQUESTS_PER_MINUTE, ChatServer
from tests.unit.content.story_samples import GOOD

pytestmark = pytest.mark.django_db(transaction=True)

MODEL = "second-large"


@pytest.fixture
def chat(fleet: Fleet, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[ChatServer]:
    """The second provider's server; runs that start now name it, and a worker knows it."""
    monkeypatch.setitem(ACCOUNTS, "second", SecondAccount)
    settings.PROVIDER_NAME, settings.MODEL = "second", MODEL
    server = ChatServer(GOOD)
    fleet.environment[URL_VARIABLE] = server.url
    fleet.command = "tests.second_provider.worker"
    fleet.start("w1")
    yield server
    server.close()


def _run(*, epics: int, lanes: int) -> Run:
    project = project_make(epics=epics)
    run = run_start(
        project=project,
        user=project.created_by,
        options=RunOptions(
            pacing_profile=Pacing.ADAPTIVE,
            max_concurrency=lanes,
            options={"skip_quality_check": True},
        ),
    )
    wait_until_ended(run)
    return run


def test_a_run_is_answered_by_the_provider_that_it_names(
    chat: ChatServer, provider: Simulator
) -> None:
    chat.script.extend([429, 500, "length"])  # a wait, a retry, and a larger cap
    run = _run(epics=4, lanes=2)
    assert (run.status, run.provider, run.model) == ("SUCCEEDED", "second", MODEL)
    assert set(RunItem.objects.values_list("status", flat=True)) == {"COMPLETED"}
    assert Story.objects.count() > 4
    assert_counted(run)
    outcomes = sorted(ProviderCall.objects.values_list("outcome", "error_code"))
    assert outcomes == [
        *[("ANSWERED", "")] * 5,
        ("FAILED", "PROVIDER_FAILED"),
        ("FAILED", "RATE_LIMITED"),
    ]
    tokens = ProviderCall.objects.aggregate(Sum("input_tokens"), Sum("cache_read_tokens"))
    assert list(tokens.values()) == [5 * 1000, 5 * 500]
    assert len(chat.asked) == 7
    assert {asked["path"] for asked in chat.asked} == {"/v1/chat/completions"}
    assert provider.stats()["calls"] == []


def test_its_limits_close_and_pace_its_own_gate(chat: ChatServer) -> None:
    chat.script.append(429)
    _run(epics=2, lanes=1)
    assert [closure.gate for closure in Closure.objects.all()] == ["second:second"]
    assert limit_pool(MODEL) == limit_pool("second-small") == "second:second"
    (limits,) = limits_read(gates_of(Run.objects.all()))
    assert limits.model == MODEL
    assert limits.buckets["requests"].limit_per_minute == REQUESTS_PER_MINUTE


def test_a_key_that_it_rejects_fails_the_run(chat: ChatServer) -> None:
    chat.script.append(401)
    run = _run(epics=2, lanes=1)
    assert (run.status, run.error_code) == ("FAILED", "KEY_REJECTED")
    assert "Check the provider's API key and its permissions" in run.error  # no one else's setting
    assert len(chat.asked) == 1
