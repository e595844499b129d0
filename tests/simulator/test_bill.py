"""The provider's bill: whom it charges what, and what it does not charge."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anthropic
import httpx2
import pytest

from simulator.protocol.prices import Tokens, micro_usd

LONG = [{"type": "text", "text": "s" * 3600, "cache_control": {"type": "ephemeral", "ttl": "1h"}}]
HEADERS = {"x-api-key": "key", "anthropic-version": "2026-10-21"}


@pytest.mark.parametrize(
    ("model", "tokens", "cost", "half"),
    [
        ("claude-sonnet-5-5", {"input": 1000, "output": 1000}, 12_000, 6_000),
        ("claude-sonnet-5-5-20261007", {"cache_read": 1000}, 100, 50),
        ("claude-sonnet-5-5", {"cache_write_5m": 1000, "cache_write_1h": 1000}, 6_500, 3_250),
        ("claude-haiku-5-5", {"input": 100_000}, 10_000, 5_000),
        ("claude-haiku-5-5", {"input": 100_001}, 50_001, 25_000),
        ("claude-haiku-5-5", {"cache_write_5m": 4}, 1, 0),
        ("claude-haiku-5-5", {"cache_read": 50}, 1, 0),
        ("claude-opus-5-5", {"cache_read": 3}, 1, 0),
        ("claude-fable-5-1", {"input": 1, "output": 1, "cache_read": 2}, 61, 30),
        ("claude-fable-5-2", {"input": 1}, None, None),
    ],
)
def test_prices(model: str, tokens: dict[str, int], cost: int | None, half: int | None) -> None:
    assert micro_usd(model, Tokens(**tokens), batch=False) == cost
    assert micro_usd(model, Tokens(**tokens), batch=True) == half


def test_every_call_has_a_line_and_the_bill_is_their_sum(
    client: anthropic.Anthropic, simulator: Any, request_of: Any, lines_of: Any
) -> None:
    for marker in ("r1", "r2"):
        client.messages.create(**request_of(marker=marker))
    batch = client.messages.batches.create(requests=lines_of("b1", "b2", "b3"))
    simulator.advance(0)
    bill = simulator.bill()
    lines = simulator.get("/_sim/usage")["data"]
    assert [line["marker"] for line in lines][:2] == ["r1", "r2"]
    assert {line["batch"] for line in lines} == {None, batch.id}
    assert bill["micro_usd"] == sum(line["micro_usd"] for line in lines)
    assert [(each["lane"], each["calls"]) for each in bill["by"]] == [("batch", 3), ("realtime", 2)]
    for line in lines:
        usage = line["usage"]
        cost = 2 * usage["input_tokens"] + 10 * usage["output_tokens"]
        assert line["micro_usd"] == (cost if line["batch"] is None else -(-cost // 2))
    found = {each.custom_id: each.result for each in client.messages.batches.results(batch.id)}
    (line,) = simulator.get("/_sim/usage?custom_id=b2")["data"]
    result = found["b2"]
    assert result.type == "succeeded"
    assert line["message"] == result.message.id
    assert line["usage"]["output_tokens"] == result.message.usage.output_tokens


def test_lines_in_pages(client: anthropic.Anthropic, simulator: Any, lines_of: Any) -> None:
    client.messages.batches.create(requests=lines_of(*map(str, range(5))))
    simulator.advance(0)
    first = simulator.get("/_sim/usage?limit=3")
    assert [line["index"] for line in first["data"]] == [0, 1, 2]
    assert (first["has_more"], first["next_index"]) == (True, 3)
    second = simulator.get("/_sim/usage?since=3&limit=3")
    assert [line["index"] for line in second["data"]] == [3, 4]
    assert second["has_more"] is False
    (line,) = simulator.get("/_sim/usage?marker=4")["data"]
    assert line["custom_id"] == "4"
    assert httpx2.get(f"{simulator.url}/_sim/usage?who=4").status_code == 400


def test_what_fails_costs_nothing_and_what_is_cut_off_does(
    client: anthropic.Anthropic, simulator: Any, request_of: Any
) -> None:
    simulator.fault({"type": "error", "status": 529})
    with pytest.raises(anthropic.InternalServerError):
        client.messages.create(**request_of())
    assert simulator.bill()["calls"] == 0
    simulator.fault({"type": "cut_body"})
    with pytest.raises(anthropic.APIConnectionError):
        client.messages.create(**request_of())
    assert simulator.bill()["calls"] == 1


@pytest.mark.parametrize("bills", [0, 1])
def test_a_call_whose_client_left(simulator: Any, request_of: Any, bills: int) -> None:
    simulator.configure(latency_ms=60_000, bill_abandoned=bills)
    with pytest.raises(httpx2.ReadTimeout):
        httpx2.post(f"{simulator.url}/v1/messages", json=request_of(), headers=HEADERS, timeout=0.2)
    until = time.monotonic() + 10
    while simulator.totals()["in_flight"] and time.monotonic() < until:
        time.sleep(0.01)
    assert simulator.bill()["calls"] == bills


def test_a_primer_warms_the_batches_after_it(
    client: anthropic.Anthropic, simulator: Any, lines_of: Any
) -> None:
    simulator.configure(batch_cache_hits_warm=1, batch_cache_hits_cold=0)

    def run(*markers: str) -> list[tuple[int, int, int]]:
        batch = client.messages.batches.create(requests=lines_of(*markers, system=LONG))
        simulator.advance(0)
        usages = [
            each.result.message.usage
            for each in client.messages.batches.results(batch.id)
            if each.result.type == "succeeded"
        ]
        return [
            (
                usage.cache_creation_input_tokens or 0,
                usage.cache_creation.ephemeral_1h_input_tokens if usage.cache_creation else -1,
                usage.cache_read_input_tokens or 0,
            )
            for usage in usages
        ]

    client.messages.create(**lines_of("r", system=LONG)[0]["params"])
    assert run("a", "b") == [(1000, 1000, 0)] * 2, "what Messages wrote no batch reads"
    assert run("c", "d", "e") == [(0, 0, 1000)] * 3, "what another batch wrote it does"
    simulator.advance(3599)
    assert run("f") == [(0, 0, 1000)]
    simulator.advance(3599)
    assert run("g") == [(0, 0, 1000)], "reading keeps it alive"
    simulator.advance(3601)
    assert run("h") == [(1000, 1000, 0)]
    read = client.messages.create(**lines_of("r", system=LONG)[0]["params"])
    assert read.usage.cache_read_input_tokens == 0, "an hour has passed for it, too"
    (batch,) = [each for each in simulator.bill()["by"] if each["lane"] == "batch"]
    assert (batch["cache_write_1h_tokens"], batch["cache_read_tokens"]) == (3000, 5000)


def test_hits_are_best_effort(client: anthropic.Anthropic, simulator: Any, lines_of: Any) -> None:
    ids = [f"c{at}" for at in range(200)]
    client.messages.batches.create(requests=lines_of("primer", system=LONG))
    simulator.advance(0)
    client.messages.batches.create(requests=lines_of(*ids, system=LONG))
    simulator.advance(0)
    lines = simulator.get("/_sim/usage")["data"][1:]
    assert 180 <= sum(line["usage"]["cache_read_tokens"] == 1000 for line in lines) < 200
    simulator.advance(7200)
    client.messages.batches.create(requests=lines_of(*ids, system=LONG))
    simulator.advance(0)
    lines = simulator.get("/_sim/usage?since=201")["data"]
    assert 30 <= sum(line["usage"]["cache_read_tokens"] == 1000 for line in lines) <= 90


def test_the_flat_total_of_cache_writes_may_be_0(
    client: anthropic.Anthropic, simulator: Any, lines_of: Any
) -> None:
    simulator.configure(cache_write_total_zero=1)
    usage = client.messages.create(**lines_of("a", system=LONG)[0]["params"]).usage
    assert usage.cache_creation_input_tokens == 0
    assert usage.cache_creation
    assert usage.cache_creation.ephemeral_1h_input_tokens == 1000
    assert simulator.bill()["by"][0]["cache_write_1h_tokens"] == 1000


@pytest.mark.parametrize(
    "body", [{}, [], {"advance_s": -1}, {"advance_s": "1"}, {"advance_s": True}]
)
def test_the_clock_only_goes_forward(simulator: Any, body: Any) -> None:
    answer = httpx2.post(f"{simulator.url}/_sim/clock", json=body)
    assert answer.status_code == 400
    assert simulator.get("/_sim/clock")["advanced_s"] == 0


def test_a_call_from_before_a_reset_is_not_billed(
    client: anthropic.Anthropic, simulator: Any, request_of: Any
) -> None:
    simulator.configure(latency_ms=400)
    with ThreadPoolExecutor(1) as threads:
        call = threads.submit(lambda: client.messages.create(**request_of()))
        until = time.monotonic() + 10
        while not simulator.totals()["in_flight"] and time.monotonic() < until:
            time.sleep(0.01)
        simulator.post("/_sim/reset")
        assert call.result(timeout=10).stop_reason == "end_turn"
    assert simulator.bill()["calls"] == 0


def test_the_output_format_counts_as_input_where_it_is_told(
    client: anthropic.Anthropic, simulator: Any, request_of: Any, story_schema: Any
) -> None:
    asked = request_of()
    told = {name: asked[name] for name in ("model", "messages", "system", "output_config")}
    untold_tokens = client.messages.create(**asked).usage.input_tokens
    simulator.configure(format_is_input=1)
    usage = client.messages.create(**asked).usage
    schema_tokens = len(json.dumps(story_schema)) / 3.6
    assert usage.input_tokens - untold_tokens == pytest.approx(schema_tokens, rel=0.1)
    assert client.messages.count_tokens(**told).input_tokens == usage.input_tokens
