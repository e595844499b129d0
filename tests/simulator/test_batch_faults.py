"""Whatever goes wrong with batches: lost answers, late 404s, cut and wrong results, no credit."""

import json
from typing import Any

import anthropic
import httpx2
import pytest

HEADERS = {"x-api-key": "key", "anthropic-version": "2026-10-21"}


def read(simulator: Any, id_: str) -> list[bytes]:
    """The lines of a batch's results, as far as they come."""
    address = f"{simulator.url}/v1/messages/batches/{id_}/results"
    body = b""
    try:
        with httpx2.stream("GET", address, headers=HEADERS) as answer:
            for piece in answer.iter_raw():
                body += piece
    except httpx2.RemoteProtocolError:
        body += b"(cut)"
    return body.splitlines(keepends=True)


def test_a_batch_whose_answer_is_lost_exists_all_the_same(
    client: anthropic.Anthropic, simulator: Any, lines_of: Any
) -> None:
    simulator.fault_at("batches.create", times=1, type="lost_answer", ends_after_s=5)
    with pytest.raises(anthropic.APIConnectionError):
        client.messages.batches.create(requests=lines_of("a", "b"))
    (batch,) = list(client.messages.batches.list())
    assert batch.request_counts.processing == 2
    simulator.advance(5)
    assert len(list(client.messages.batches.results(batch.id))) == 2
    assert simulator.bill()["calls"] == 2


def test_a_batch_may_be_seen_late(
    client: anthropic.Anthropic, simulator: Any, lines_of: Any
) -> None:
    simulator.fault_at("batches.create", type="lost_answer", hidden_s=120)
    with pytest.raises(anthropic.APIConnectionError):
        client.messages.batches.create(requests=lines_of("a"))
    simulator.advance(119)
    assert list(client.messages.batches.list()) == []
    simulator.advance(1)
    assert len(list(client.messages.batches.list())) == 1


def test_not_found_for_a_while_after_creation_and_after_the_end(
    client: anthropic.Anthropic, simulator: Any, lines_of: Any
) -> None:
    missing = {"type": "error", "status": 404}
    simulator.post(
        "/_sim/faults",
        [
            {"match": {"endpoint": "batches.get", "nth": [1, 2]}, "action": missing},
            {"match": {"endpoint": "batches.results", "nth": [1]}, "action": missing},
        ],
    )
    for _ in range(2):
        batch = client.messages.batches.create(requests=lines_of("a"))
        for _ in range(2):
            with pytest.raises(anthropic.NotFoundError):
                client.messages.batches.retrieve(batch.id)
        assert client.messages.batches.retrieve(batch.id).id == batch.id
        simulator.advance(0)
        with pytest.raises(anthropic.NotFoundError):
            client.messages.batches.results(batch.id)
        assert len(list(client.messages.batches.results(batch.id))) == 1


def test_a_relative_address_of_the_results(
    client: anthropic.Anthropic, simulator: Any, lines_of: Any
) -> None:
    simulator.configure(batch_results_url_relative=1)
    batch = client.messages.batches.create(requests=lines_of("a"))
    simulator.advance(0)
    address = client.messages.batches.retrieve(batch.id).results_url
    assert address == f"/v1/messages/batches/{batch.id}/results"
    assert len(list(client.messages.batches.results(batch.id))) == 1


def test_results_that_break_off(client: anthropic.Anthropic, simulator: Any, lines_of: Any) -> None:
    batch = client.messages.batches.create(requests=lines_of(*map(str, range(50))))
    simulator.advance(0)
    whole = read(simulator, batch.id)
    assert len(whole) == 50
    simulator.fault_at("batches.results", times=1, type="cut_body", after_bytes=1000)
    cut = read(simulator, batch.id)
    assert b"".join(cut) == b"".join(whole)[:1000] + b"(cut)"
    simulator.fault_at("batches.results", times=1, type="cut_body")
    half = sum(map(len, whole)) // 2
    assert b"".join(read(simulator, batch.id)) == b"".join(whole)[:half] + b"(cut)"
    assert read(simulator, batch.id) == whole


def test_lines_that_are_wrong_or_there_twice(
    client: anthropic.Anthropic, simulator: Any, lines_of: Any
) -> None:
    batch = client.messages.batches.create(requests=lines_of(*map(str, range(5))))
    simulator.advance(0)
    whole = read(simulator, batch.id)
    simulator.fault_at("batches.results", times=1, type="wrong_line")
    wrong = read(simulator, batch.id)
    assert [*wrong[:2], *wrong[3:]] == [*whole[:2], *whole[3:]]
    with pytest.raises(ValueError, match="Unterminated"):
        json.loads(wrong[2].strip())
    simulator.fault_at("batches.results", times=1, type="double_line", line=1)
    assert read(simulator, batch.id) == [whole[0], *whole]


def test_credit_that_is_used_up(client: anthropic.Anthropic, simulator: Any, lines_of: Any) -> None:
    credit = {"type": "error", "kind": "credit"}
    rule = {"match": {"endpoint": "batches.line", "marker": "b"}, "action": credit}
    simulator.post("/_sim/faults", [rule])
    batch = client.messages.batches.create(requests=lines_of("a", "b"))
    simulator.advance(0)
    found = {each.custom_id: each.result for each in client.messages.batches.results(batch.id)}
    assert found["a"].type == "succeeded"
    assert found["b"].type == "errored"
    assert found["b"].error.error.type == "invalid_request_error"
    assert "Your credit balance is too low" in found["b"].error.error.message
    assert simulator.bill()["calls"] == 1
    simulator.fault_at("batches.create", type="error", kind="credit")
    with pytest.raises(anthropic.BadRequestError) as caught:
        client.messages.batches.create(requests=lines_of("a"))
    assert "credit balance" in str(caught.value)


def test_answers_that_a_rule_spoils(
    client: anthropic.Anthropic, simulator: Any, lines_of: Any
) -> None:
    rules = [
        {
            "match": {"endpoint": "batches.line", "marker": kind},
            "action": {"type": kind, "text": "Nothing to say."},
        }
        for kind in ("refusal", "max_tokens", "text")
    ]
    simulator.post("/_sim/faults", rules)
    batch = client.messages.batches.create(requests=lines_of("refusal", "max_tokens", "text"))
    simulator.advance(0)
    found = {
        each.custom_id: each.result.message
        for each in client.messages.batches.results(batch.id)
        if each.result.type == "succeeded"
    }
    assert found["refusal"].stop_reason == "refusal"
    assert found["max_tokens"].stop_reason == "max_tokens"
    assert found["text"].content[0].model_dump()["text"] == "Nothing to say."
    assert simulator.bill()["calls"] == 3


def test_lost_and_broken_answers_of_every_endpoint(
    client: anthropic.Anthropic, simulator: Any, lines_of: Any
) -> None:
    batches = client.messages.batches
    simulator.fault_at("batches.create", times=1, type="batch", never_ends=True)
    batch = batches.create(requests=lines_of("a"))
    simulator.fault_at("batches.cancel", times=1, type="lost_answer")
    with pytest.raises(anthropic.APIConnectionError):
        batches.cancel(batch.id)
    simulator.advance(0)
    assert batches.retrieve(batch.id).request_counts.canceled == 1
    simulator.fault_at("batches.get", times=1, type="bad_http_json")
    with pytest.raises(json.JSONDecodeError):
        batches.retrieve(batch.id)
    simulator.fault_at("batches.list", times=1, type="reset")
    with pytest.raises(anthropic.APIConnectionError):
        batches.list()
    simulator.fault_at("batches.list", times=1, type="error", status=503, kind="html")
    with pytest.raises(anthropic.InternalServerError):
        batches.list()
    simulator.fault_at("batches.get", times=1, type="stall")
    with pytest.raises(anthropic.APITimeoutError):
        client.with_options(timeout=0.2).messages.batches.retrieve(batch.id)
    simulator.fault_at("batches.delete", times=1, type="lost_answer")
    with pytest.raises(anthropic.APIConnectionError):
        batches.delete(batch.id)
    with pytest.raises(anthropic.NotFoundError):
        batches.retrieve(batch.id)


def test_a_client_that_leaves_before_its_creation_makes_no_batch(
    client: anthropic.Anthropic, simulator: Any, lines_of: Any
) -> None:
    simulator.fault_at("batches.create", times=1, type="delay", delay_s=0.5)
    with pytest.raises(anthropic.APITimeoutError):
        client.with_options(timeout=0.1).messages.batches.create(requests=lines_of("a"))
    assert list(client.messages.batches.list()) == [], "it was given up before it began"


def test_rules_that_make_no_sense_are_refused(simulator: Any) -> None:
    for match, action in [
        ({"endpoint": "batches.make"}, {"type": "error"}),
        ({"endpoint": "batches.create"}, {"type": "refusal"}),
        ({"endpoint": "batches.results"}, {"type": "wrong_line", "line": 0}),
        ({"endpoint": "batches.create"}, {"type": "batch", "ends_after_s": -1}),
        ({"endpoint": "batches.create"}, {"type": "batch", "done": 2}),
        ({"endpoint": "batches.create"}, {"type": "batch", "never_ends": 1}),
        ({}, {"type": "lost_answer"}),
    ]:
        rules = [{"match": match, "action": action}]
        assert httpx2.post(f"{simulator.url}/_sim/faults", json=rules).status_code == 400
