"""The client's contract with the provider's simulator, a real process on a real socket."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from providers import errors
from providers.anthropic.client import ProviderClient
from providers.errors import Effect, ProviderError
from tests.blocking_client import BlockingClient
from tests.unit.providers.conftest import completion_request

ROOT = Path(__file__).resolve().parents[3]
READY = "simulator listening on "

STORY = {
    "type": "object",
    "properties": {
        "title": {"type": "string"},
        "persona": {"type": "string"},
        "userStory": {"type": "string"},
        "acceptanceCriteria": {"type": "array", "items": {"type": "string"}},
        "technicalNotes": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "priority": {"type": "string", "enum": ["high", "medium", "low"]},
        "effort": {"type": "string", "enum": ["S", "M", "L"]},
    },
    "required": [
        "title",
        "persona",
        "userStory",
        "acceptanceCriteria",
        "technicalNotes",
        "priority",
        "effort",
    ],
    "additionalProperties": False,
}
REQUEST: dict[str, Any] = {
    "schema": {
        "type": "object",
        "properties": {"stories": {"type": "array", "items": STORY}},
        "required": ["stories"],
        "additionalProperties": False,
    },
    "user": """
<task>{"mode":"concise","personaSet":"core","minStories":3,"maxStories":5,"language":"English"}</task>
<epic>{"code":"E1","title":"Refunds","theme":"Service","description":"Refund without paper",
"businessValue":"Time","acceptanceCriteria":[],"dependencies":[]}</epic>
<cards>
{"code":"C1","title":"Refund","persona":"Clerk","statement":"As a clerk, I refund a ticket"}
</cards>
""",
}


def client_of(url: str, *, timeout_s: float) -> BlockingClient:
    return BlockingClient(
        ProviderClient(api_key="sk-ant-test", base_url=url, timeout_s=timeout_s, max_connections=30)
    )


class Simulator:
    """The process, its control address, and a client of it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.control = httpx2.Client(base_url=url, trust_env=False)
        self.client = client_of(url, timeout_s=10)

    def goes_wrong(self, **action: Any) -> None:
        self.control.post("/_sim/faults", json=[{"action": action}]).raise_for_status()

    def calls(self) -> list[dict[str, Any]]:
        calls: list[dict[str, Any]] = self.control.get("/_sim/stats").json()["calls"]
        return calls

    def failure(self) -> ProviderError:
        with pytest.raises(ProviderError) as caught:
            self.client.complete(completion_request(**REQUEST))
        return caught.value


@pytest.fixture(scope="module")
def process() -> Iterator[Simulator]:
    with subprocess.Popen(
        [sys.executable, "-m", "simulator", "--port", "0"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stdout is not None
        line = running.stdout.readline()
        assert line.startswith(READY)
        simulator = Simulator(line.removeprefix(READY).strip())
        yield simulator
        simulator.client.close()
        simulator.control.close()
        running.send_signal(signal.SIGTERM)
        running.wait(10)


@pytest.fixture
def simulator(process: Simulator) -> Simulator:
    process.control.post("/_sim/reset").raise_for_status()
    return process


def test_an_honest_answer_is_a_completion(simulator: Simulator) -> None:
    answer = simulator.client.complete(completion_request(**REQUEST))

    stories = json.loads(answer.completion.text)["stories"]
    assert 3 <= len(stories) <= 5
    assert answer.completion.stop_reason == "end_turn"
    assert answer.completion.request_id.startswith("req_")
    assert answer.completion.usage
    assert answer.completion.usage.output_tokens > 0
    assert answer.limits is not None
    [call] = simulator.calls()
    assert call["marker"] == "run-epic-1"


def test_thinking_is_left_out(simulator: Simulator) -> None:
    simulator.goes_wrong(type="thinking")

    answer = simulator.client.complete(completion_request(**REQUEST))

    assert json.loads(answer.completion.text)["stories"]


@pytest.mark.parametrize("stop_reason", ["refusal", "max_tokens"])
def test_the_reason_to_stop_is_handed_on(simulator: Simulator, stop_reason: str) -> None:
    simulator.goes_wrong(type=stop_reason)

    completion = simulator.client.complete(completion_request(**REQUEST)).completion

    assert completion.stop_reason == stop_reason
    assert completion.usage
    assert completion.usage.input_tokens > 0


@pytest.mark.parametrize(
    ("fault", "expected", "effect"),
    [
        ({"status": 429, "retry_after_s": 3}, errors.RateLimited, Effect.WAIT),
        ({"kind": "ramp"}, errors.RampLimited, Effect.WAIT),
        ({"status": 529}, errors.Overloaded, Effect.RETRY),
        ({"status": 500}, errors.ServerFailed, Effect.RETRY),
        ({"status": 502}, errors.ServerFailed, Effect.RETRY),
        ({"status": 504}, errors.ServerFailed, Effect.RETRY),
        ({"status": 408}, errors.ServerFailed, Effect.RETRY),
        ({"status": 409}, errors.ServerFailed, Effect.RETRY),
        ({"status": 400}, errors.RequestRejected, Effect.FAIL_ITEM),
        ({"status": 422}, errors.RequestRejected, Effect.FAIL_ITEM),
        ({"status": 413}, errors.RequestTooLarge, Effect.FAIL_ITEM),
        ({"kind": "spend_cap"}, errors.SpendLimitReached, Effect.PAUSE_RUN),
        ({"kind": "contract_spend_cap"}, errors.SpendLimitReached, Effect.PAUSE_RUN),
        ({"kind": "own_limit"}, errors.SpendLimitReached, Effect.PAUSE_RUN),
        ({"kind": "credit"}, errors.CreditExhausted, Effect.PAUSE_RUN),
        ({"status": 402}, errors.CreditExhausted, Effect.PAUSE_RUN),
        ({"status": 401}, errors.KeyRejected, Effect.FAIL_RUN),
        ({"status": 403}, errors.KeyRejected, Effect.FAIL_RUN),
        ({"kind": "on_hold"}, errors.AccountUnusable, Effect.PAUSE_RUN),
        ({"kind": "disabled"}, errors.AccountUnusable, Effect.PAUSE_RUN),
        ({"kind": "too_long"}, errors.ContextTooLong, Effect.FAIL_ITEM),
        ({"kind": "long_context"}, errors.ContextTooLong, Effect.FAIL_ITEM),
        ({"status": 403, "kind": "html"}, errors.BlockedBeforeApi, Effect.PAUSE_RUN),
        (
            {"status": 404, "body": '{"detail": "Not Found"}'},
            errors.BlockedBeforeApi,
            Effect.PAUSE_RUN,
        ),
        ({"status": 200, "body": "<html>Sign in"}, errors.BlockedBeforeApi, Effect.PAUSE_RUN),
        ({"status": 302, "headers": {"location": "/x"}}, errors.BlockedBeforeApi, Effect.PAUSE_RUN),
        ({"status": 200, "error_type": "overloaded_error"}, errors.Overloaded, Effect.RETRY),
        ({"status": 404}, errors.ModelUnknown, Effect.FAIL_RUN),
    ],
)
def test_an_error_answer_has_its_effect_and_is_asked_once(
    simulator: Simulator, fault: dict[str, Any], expected: type[ProviderError], effect: Effect
) -> None:
    simulator.goes_wrong(type="error", **fault)

    error = simulator.failure()

    assert type(error) is expected
    assert error.effect is effect
    assert len(simulator.calls()) == 1


def test_only_a_rate_limit_says_how_long_to_wait(simulator: Simulator) -> None:
    simulator.goes_wrong(type="error", status=429, retry_after_s=3)
    assert simulator.failure().retry_after_s == 3

    simulator.goes_wrong(type="error", kind="spend_cap")
    assert simulator.failure().retry_after_s is None


def test_an_unknown_model_fails_the_run(simulator: Simulator) -> None:
    with pytest.raises(errors.ModelUnknown):
        simulator.client.complete(completion_request(**REQUEST, model="claude-none-9"))


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ({"type": "bad_http_json"}, errors.UnreadableAnswer),
        ({"type": "empty_object"}, errors.UnreadableAnswer),
        ({"type": "text_plain"}, errors.UnreadableAnswer),
        ({"type": "cut_body"}, errors.ConnectionFailed),
        ({"type": "reset", "at": "before"}, errors.ConnectionFailed),
        ({"type": "reset", "at": "mid"}, errors.ConnectionFailed),
    ],
)
def test_an_answer_that_did_not_arrive_is_retried_and_possibly_billed(
    simulator: Simulator, fault: dict[str, Any], expected: type[ProviderError]
) -> None:
    simulator.goes_wrong(**fault)

    error = simulator.failure()

    assert type(error) is expected
    assert error.effect is Effect.RETRY
    assert error.possibly_billed


@pytest.mark.parametrize("fault", [{"type": "stall"}, {"type": "drip", "duration_s": 3}])
def test_the_deadline_holds_against_silence_and_drips(
    simulator: Simulator, fault: dict[str, Any]
) -> None:
    simulator.goes_wrong(**fault)
    hasty = client_of(simulator.url, timeout_s=0.3)

    with pytest.raises(errors.CallTimedOut) as caught:
        hasty.complete(completion_request(**REQUEST))

    assert caught.value.possibly_billed
    hasty.close()


def test_the_provider_sees_who_leaves(simulator: Simulator) -> None:
    simulator.goes_wrong(type="stall")
    ask = simulator.client.client.ask

    async def until_all(status: str | None) -> None:
        async with asyncio.timeout(5):
            while [call["status"] for call in simulator.calls()] != [status] * 20:
                await asyncio.sleep(0.05)

    async def begin_and_leave() -> None:
        calls = [asyncio.create_task(ask(completion_request(**REQUEST))) for _ in range(20)]
        await until_all(None)
        for call in calls:
            call.cancel()
        await until_all("aborted")
        assert all(call.cancelled() for call in calls)

    simulator.client.run(begin_and_leave())
