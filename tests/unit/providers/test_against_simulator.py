"""The client's contract with the provider's simulator, a real process on a real socket."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from providers import errors
from providers.anthropic.account import AnthropicAccount
from providers.anthropic.client import ProviderClient
from providers.batches import BatchResult, BatchState, Outcome
from providers.errors import Effect, ProviderError
from providers.prices import cost_micro_usd
from providers.values import CacheFor, TextBlock
from tests.blocking_client import BlockingClient
from tests.unit.providers.batch_client import BatchClient, requests
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

    def configure(self, **settings: Any) -> None:
        self.control.post("/_sim/config", json=settings).raise_for_status()

    def endpoint_fails(self, endpoint: str, *, nth: list[int], **action: Any) -> None:
        match = {"endpoint": f"batches.{endpoint}", "nth": nth}
        rules = [{"match": match, "action": action}]
        self.control.post("/_sim/faults", json=rules).raise_for_status()

    def advance(self, seconds: float) -> None:
        self.control.post("/_sim/clock", json={"advance_s": seconds}).raise_for_status()

    def bill_micro_usd(self) -> int:
        bill: dict[str, int] = self.control.get("/_sim/bill").json()
        return bill["micro_usd"]

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


@pytest.fixture
def batches(simulator: Simulator) -> BatchClient:
    return BatchClient(simulator.client)


def _handed_in(batches: BatchClient, *ids: str, **changes: Any) -> BatchState:
    state: BatchState = batches.run("create", requests(*ids, **{**REQUEST, **changes}))
    return state


def _now(batches: BatchClient, state: BatchState) -> BatchState:
    now: BatchState = batches.run("get", state.provider_id)
    return now


def _cost(results: list[BatchResult]) -> int:
    answers = [result.completion for result in results if result.completion]
    costs = [
        cost_micro_usd(answer.model, answer.usage, date(2026, 11, 26), batch=True)
        for answer in answers
        if answer.usage
    ]
    assert None not in costs
    return sum(cost for cost in costs if cost)


def test_a_batch_goes_the_whole_way(simulator: Simulator, batches: BatchClient) -> None:
    simulator.configure(batch_ends_after_s=600)
    ids = [f"c{number}" for number in range(20)]

    made = _handed_in(batches, *ids)
    simulator.advance(599)
    before = _now(batches, made)
    simulator.advance(1)
    after = _now(batches, made)
    results, error = batches.results(after)

    assert (before.status, before.counts.processing, before.results_url) == (
        "in_progress",
        20,
        None,
    )
    assert (after.status, after.counts.succeeded, after.counts.total) == ("ended", 20, 20)
    assert made.created_at
    assert after.ended_at
    assert after.ended_at - made.created_at == timedelta(seconds=600)
    assert error is None
    assert sorted(result.custom_id for result in results) == sorted(ids)
    assert [result.custom_id for result in results] != ids
    assert all(
        json.loads(result.completion.text)["stories"] for result in results if result.completion
    )
    assert _cost(results) == simulator.bill_micro_usd() > 0


def test_what_a_first_batch_writes_for_an_hour_the_next_one_reads(
    simulator: Simulator, batches: BatchClient
) -> None:
    prefix = (TextBlock(text="The project. " * 400, cache=True),)
    first = _handed_in(batches, "primer", system=prefix, cache_for=CacheFor.ONE_HOUR)
    simulator.advance(0)
    second = _handed_in(batches, "rest", system=prefix, cache_for=CacheFor.ONE_HOUR)
    simulator.advance(0)

    [written], _ = batches.results(_now(batches, first))
    [read], _ = batches.results(_now(batches, second))

    assert written.completion
    assert written.completion.usage
    assert written.completion.usage.cache_write_1h_tokens > 1_000
    assert written.completion.usage.cache_write_5m_tokens == 0
    assert read.completion
    assert read.completion.usage
    assert read.completion.usage.cache_read_tokens > 1_000
    assert _cost([written, read]) == simulator.bill_micro_usd()


def test_a_batch_whose_answer_was_lost_is_found_in_the_list(
    simulator: Simulator, batches: BatchClient
) -> None:
    simulator.endpoint_fails("create", nth=[1], type="lost_answer")

    error = batches.failure("create", requests("a", "b", **REQUEST))
    [found] = batches.run("newest")

    assert error.possibly_billed
    assert found.counts.total == 2


def test_the_list_goes_on_where_a_page_ended(simulator: Simulator, batches: BatchClient) -> None:
    made = [_handed_in(batches, "a").provider_id for _ in range(3)]

    first = batches.run("newest", limit=2)
    second = batches.run("newest", limit=2, before=first[-1].provider_id)
    none = batches.run("newest", limit=2, before=second[-1].provider_id)

    assert [state.provider_id for state in (*first, *second)] == made[::-1]
    assert none == []


def test_it_is_not_found_at_first(simulator: Simulator, batches: BatchClient) -> None:
    made = _handed_in(batches, "a")
    simulator.endpoint_fails("get", nth=[1], type="error", status=404)

    assert type(batches.failure("get", made.provider_id)) is errors.BatchNotFound
    assert _now(batches, made).provider_id == made.provider_id


@pytest.mark.parametrize("relative", [0, 1])
def test_results_that_were_cut_are_read_again(
    simulator: Simulator, batches: BatchClient, relative: int
) -> None:
    simulator.configure(batch_results_url_relative=relative)
    made = _handed_in(batches, *(f"c{number}" for number in range(30)))
    simulator.advance(0)
    simulator.endpoint_fails("results", nth=[1], type="cut_body")

    some, error = batches.results(_now(batches, made))
    all_of_them, no_error = batches.results(_now(batches, made))

    assert 0 < len(some) < 30
    assert type(error) is errors.BatchResultsCut
    assert no_error is None
    assert len({result.custom_id for result in all_of_them}) == 30


@pytest.mark.parametrize("how", ["wrong_line", "double_line"])
def test_a_spoiled_line_ends_nothing(simulator: Simulator, batches: BatchClient, how: str) -> None:
    made = _handed_in(batches, "a", "b", "c")
    simulator.advance(0)
    simulator.endpoint_fails("results", nth=[1], type=how, line=2)

    results, error = batches.results(_now(batches, made))

    assert error is None
    readable = {result.custom_id for result in results if result.completion}
    assert len(readable) == (2 if how == "wrong_line" else 3)


def test_what_is_cancelled_or_expires_is_not_billed(
    simulator: Simulator, batches: BatchClient
) -> None:
    simulator.endpoint_fails("create", nth=[1, 2], type="batch", never_ends=True, done=0.5)
    simulator.configure(batch_cancel_s=30)
    cancelled, expired = _handed_in(batches, "a", "b"), _handed_in(batches, "c", "d")

    assert batches.run("cancel", cancelled.provider_id).status == "canceling"
    simulator.advance(30)
    first, _ = batches.results(_now(batches, cancelled))
    simulator.advance(86_400)
    second, _ = batches.results(_now(batches, expired))

    assert {result.outcome for result in first} <= {Outcome.SUCCEEDED, Outcome.CANCELED}
    assert Outcome.CANCELED in {result.outcome for result in first}
    assert sorted(result.outcome for result in second) == [Outcome.EXPIRED, Outcome.SUCCEEDED]
    assert _cost([*first, *second]) == simulator.bill_micro_usd()


def test_an_account_without_credit_is_no_calls_fault(
    simulator: Simulator, batches: BatchClient
) -> None:
    simulator.endpoint_fails("line", nth=[1], type="error", status=400, kind="credit")
    made = _handed_in(batches, "a")
    simulator.advance(0)

    [result], _ = batches.results(_now(batches, made))

    assert type(result.error) is errors.CreditExhausted
    assert result.error.effect is Effect.PAUSE_RUN
    assert simulator.bill_micro_usd() == 0


def test_the_usage_report_says_what_calls_and_batches_took(
    simulator: Simulator, batches: BatchClient
) -> None:
    account = AnthropicAccount(api_key="k", base_url=simulator.url, timeout_s=5)
    alone = simulator.client.complete(completion_request(**REQUEST)).completion
    made = _handed_in(batches, "a")
    simulator.advance(0)
    [result], _ = batches.results(_now(batches, made))
    today = datetime.now(UTC).date()

    days = account.usage_by_day(today - timedelta(days=40), today, admin_key="sk-ant-admin")

    assert result.completion
    assert [(each.day, each.model, each.batch, each.usage) for each in days] == [
        (today, alone.model, each.batch, (result.completion if each.batch else alone).usage)
        for each in days
    ]
    assert sorted(each.batch for each in days) == [False, True]
