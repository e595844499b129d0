"""The call log: complete, prompt, and bounded."""

import json
import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import anthropic
import httpx2
import pytest

from simulator.state.calls import CallLog


def test_a_call_is_in_the_book_while_in_flight(
    client: anthropic.Anthropic, simulator: Any, request_of: Any
) -> None:
    simulator.configure(latency_ms=400)
    began = time.time()
    caller = threading.Thread(target=client.messages.create, kwargs=request_of(marker="one"))
    caller.start()
    time.sleep(0.15)
    (call,) = simulator.calls()
    assert (call["marker"], call["epic"], call["model"]) == ("one", "E3", "claude-sonnet-5-5")
    assert call["end"] is None
    assert call["status"] is None
    assert began <= call["start"] <= time.time()
    assert simulator.totals()["in_flight"] == 1
    caller.join()
    (call,) = simulator.calls()
    assert (call["status"], call["stop_reason"]) == (200, "end_turn")
    assert call["end"] - call["start"] == pytest.approx(0.4, abs=0.15)
    assert call["end_monotonic"] - call["start_monotonic"] == pytest.approx(0.4, abs=0.15)


def test_what_arrives_together_has_begun_together(simulator: Any, request_of: Any) -> None:
    body = json.dumps(request_of())
    headers = {"x-api-key": "k", "anthropic-version": "2026-10-21"}
    netloc = urlsplit(simulator.url).netloc
    with ExitStack() as opened:
        connections = [opened.enter_context(closing(HTTPConnection(netloc))) for _ in range(20)]
        for connection in connections:
            connection.request("GET", "/_sim/clock")
            connection.getresponse().read()
        os.kill(simulator.pid, signal.SIGSTOP)
        try:
            for connection in connections:
                connection.request("POST", "/v1/messages", body, headers)
        finally:
            os.kill(simulator.pid, signal.SIGCONT)
        assert {connection.getresponse().status for connection in connections} == {200}
    calls = simulator.calls()
    first_end = min(call["end_monotonic"] for call in calls)
    assert max(call["start_monotonic"] for call in calls) < first_end


@pytest.mark.parametrize("stream", [False, True])
def test_an_abort_is_booked_promptly(simulator: Any, request_of: Any, *, stream: bool) -> None:
    simulator.configure(latency_ms=5000)
    with pytest.raises(httpx2.ReadTimeout):
        httpx2.post(
            f"{simulator.url}/v1/messages",
            json=request_of(stream=stream),
            headers={"x-api-key": "k", "anthropic-version": "2026-10-21"},
            timeout=0.2,
        )
    left_at = time.time()
    time.sleep(0.1)
    (call,) = simulator.calls()
    assert call["status"] == "aborted"
    assert call["end"] <= left_at + 0.1
    assert simulator.totals()["in_flight"] == 0


def test_highest_concurrency(client: anthropic.Anthropic, simulator: Any, request_of: Any) -> None:
    simulator.configure(latency_ms=300)
    with ThreadPoolExecutor(5) as threads:
        list(threads.map(lambda at: client.messages.create(**request_of(marker=at)), "abcde"))
    totals = simulator.totals()
    assert totals["max_in_flight"] == 5
    assert totals["by_status"] == {"200": 5}
    assert totals["output_tokens"] == sum(call["output_tokens"] for call in simulator.calls())


def test_since_and_summary(client: anthropic.Anthropic, simulator: Any, request_of: Any) -> None:
    for marker in "abc":
        client.messages.create(**request_of(marker=marker))
    later = simulator.get("/_sim/stats?since=1")
    assert [call["marker"] for call in later["calls"]] == ["b", "c"]
    assert later["next_index"] == 3
    assert simulator.get("/_sim/stats?since=3")["calls"] == []
    assert "calls" not in simulator.get("/_sim/stats?summary=1")


def test_only_the_latest_calls_are_kept(
    client: anthropic.Anthropic, simulator: Any, request_of: Any
) -> None:
    simulator.configure(calls_kept=2)
    for marker in "abcd":
        client.messages.create(**request_of(marker=marker))
    assert [call["marker"] for call in simulator.calls()] == ["c", "d"]
    assert [call["index"] for call in simulator.get("/_sim/stats?since=3")["calls"]] == [3]
    assert simulator.totals()["calls"] == 4


def test_the_book_stays_small() -> None:
    import tracemalloc

    log = CallLog(kept=1000)
    tracemalloc.start()
    for at in range(20_000):
        log.finish(
            log.begin(marker=f"m{at}", epic="E1", model="m", retry_count=0, arrived_s=0), 200
        )
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert used < 1000 * 1000


def test_reset_goes_back_to_the_start(
    client: anthropic.Anthropic, simulator: Any, request_of: Any
) -> None:
    simulator.configure(latency_ms=10, requests_per_minute=1)
    simulator.fault({"type": "error", "status": 500})
    with pytest.raises(anthropic.InternalServerError):
        client.messages.create(**request_of())
    simulator.post("/_sim/reset")
    assert simulator.totals()["calls"] == 0
    assert simulator.get("/_sim/config")["requests_per_minute"] == 0
    client.messages.create(**request_of())


@pytest.mark.parametrize(
    "changes", [[], {"speed": 1}, {"latency_ms": -1}, {"latency_ms": "1"}, {"jitter_ms": 5}]
)
def test_settings_that_make_no_sense_change_nothing(simulator: Any, changes: Any) -> None:
    before = simulator.get("/_sim/config")
    answer = httpx2.post(f"{simulator.url}/_sim/config", json=changes)
    assert answer.status_code == 400
    assert simulator.get("/_sim/config") == before
