"""Message batches as the real SDK reads them: made, listed, ended, read, cancelled, forgotten."""

import http.client
import json
import time
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import anthropic
import httpx2
import pytest
from anthropic.types.messages import MessageBatch

HEADERS = {"x-api-key": "key", "anthropic-version": "2026-10-21"}
DAY_S = 24 * 3600


def ended(simulator: Any, client: anthropic.Anthropic, batch: MessageBatch) -> MessageBatch:
    """The batch after all that is due has ended."""
    simulator.advance(0)
    return client.messages.batches.retrieve(batch.id)


def outcomes(client: anthropic.Anthropic, batch: MessageBatch) -> dict[str, Any]:
    """The results by custom id."""
    results = list(client.messages.batches.results(batch.id))
    assert len({result.custom_id for result in results}) == len(results)
    return {result.custom_id: result.result for result in results}


def counts(batch: MessageBatch) -> tuple[int, ...]:
    found = batch.request_counts
    return (
        *(found.processing, found.succeeded, found.errored),
        *(found.canceled, found.expired),
    )


def created(simulator: Any, requests: Any) -> httpx2.Response:
    body = requests if isinstance(requests, bytes) else json.dumps({"requests": requests}).encode()
    return httpx2.post(f"{simulator.url}/v1/messages/batches", content=body, headers=HEADERS)


def test_the_whole_way_with_the_sdk(
    client: anthropic.Anthropic, simulator: Any, request_of: Any, text_in: Any
) -> None:
    simulator.configure(batch_ends_after_s=600)
    requests = [
        {"custom_id": f"call-{at}", "params": request_of(marker=f"m{at}")} for at in range(20)
    ]
    batch = client.messages.batches.create(requests=requests)  # type: ignore[arg-type]  # plain JSON
    assert batch.id.startswith("msgbatch_")
    assert (batch.processing_status, batch.results_url) == ("in_progress", None)
    assert batch.expires_at - batch.created_at == timedelta(hours=24)
    assert batch.ended_at is batch.cancel_initiated_at is batch.archived_at is None

    simulator.advance(599)
    half = client.messages.batches.retrieve(batch.id)
    assert counts(half) == (20, 0, 0, 0, 0), "nothing is told before the end"
    with pytest.raises(anthropic.AnthropicError):
        client.messages.batches.results(batch.id)
    assert simulator.bill()["calls"] == 0

    simulator.advance(1)
    over = client.messages.batches.retrieve(batch.id)
    assert over.processing_status == "ended"
    assert counts(over) == (0, 20, 0, 0, 0)
    assert over.ended_at
    assert over.ended_at - over.created_at == timedelta(seconds=600)
    assert over.results_url == f"{simulator.url}/v1/messages/batches/{batch.id}/results"

    found = list(client.messages.batches.results(batch.id))
    ids = [each.custom_id for each in found]
    assert sorted(ids) == sorted(str(each["custom_id"]) for each in requests)
    assert ids != [each["custom_id"] for each in requests], "in no order of ours"
    again = list(client.messages.batches.results(batch.id))
    assert [each.model_dump() for each in again] == [each.model_dump() for each in found]
    realtime = client.messages.create(**request_of(marker="m0"))
    for each in found:
        assert each.result.type == "succeeded"
        message = each.result.message
        assert text_in(message) == text_in(realtime)
        assert (message.usage.service_tier, message.stop_reason) == ("batch", "end_turn")


def test_listed_newest_first_in_pages(
    client: anthropic.Anthropic, simulator: Any, lines_of: Any
) -> None:
    made = [client.messages.batches.create(requests=lines_of(f"m{at}")).id for at in range(5)]
    newest_first = made[::-1]
    assert [batch.id for batch in client.messages.batches.list(limit=2)] == newest_first
    page = client.messages.batches.list(limit=2)
    assert [batch.id for batch in page.data] == newest_first[:2]
    assert (page.first_id, page.last_id, page.has_more) == (*newest_first[:2], True)
    older = client.messages.batches.list(limit=10, after_id=newest_first[3])
    assert [batch.id for batch in older.data] == newest_first[4:]
    assert older.has_more is False
    newer = client.messages.batches.list(limit=1, before_id=newest_first[3])
    assert [batch.id for batch in newer.data] == newest_first[2:3]
    with pytest.raises(anthropic.BadRequestError):
        client.messages.batches.list(limit=1001)
    assert simulator.get("/_sim/stats?summary=1")["batch_calls"]["create"] == 5


def test_bad_params_become_errored_lines_and_cost_nothing(
    client: anthropic.Anthropic, simulator: Any, lines_of: Any
) -> None:
    requests = [
        *lines_of("good"),
        *lines_of("streamed", stream=True),
        *lines_of("fast", speed="fast"),
        *lines_of("none", max_tokens=0),
        *lines_of("unknown", model="claude-nobody"),
        *lines_of("warm", temperature=1.0),
        *lines_of("empty", messages=[]),
    ]
    batch = client.messages.batches.create(requests=requests)
    assert counts(batch) == (7, 0, 0, 0, 0)
    assert counts(ended(simulator, client, batch)) == (0, 1, 6, 0, 0)
    found = outcomes(client, batch)
    assert found.pop("good").type == "succeeded"
    errors = {name: result.error.error for name, result in found.items()}
    assert {error.type for error in errors.values()} == {
        "invalid_request_error",
        "not_found_error",
    }
    assert errors["unknown"].message == "model: claude-nobody"
    assert "stream=True" in errors["streamed"].message
    assert errors["none"].message == "max_tokens: must be greater than or equal to 1"
    assert simulator.bill()["calls"] == 1


def test_what_is_refused_at_once(simulator: Any, lines_of: Any) -> None:
    params = lines_of("a")[0]["params"]
    for requests, message in [
        ([], "requests: List should have at least 1 item after validation, not 0"),
        (
            lines_of("a", "b", "a"),
            "requests: custom_id's must be unique within a batch. Duplicate custom_id found: a",
        ),
        ([{"params": params}], "requests.0.custom_id: Field required"),
        (
            lines_of("a", "x" * 65),
            "requests.1.custom_id: String should have at most 64 characters",
        ),
        (
            lines_of("a b"),
            "requests.0.custom_id: String should match pattern '^[a-zA-Z0-9_-]{1,64}$'",
        ),
        (
            lines_of(""),
            "requests.0.custom_id: String should match pattern '^[a-zA-Z0-9_-]{1,64}$'",
        ),
        ([{"custom_id": "a"}], "requests.0.params: Field required"),
        ([{"custom_id": "a", "params": []}], "requests.0.params: Input should be a valid object"),
        (
            [{"custom_id": "a", "params": params, "url": "x"}],
            "requests.0.url: Extra inputs are not permitted",
        ),
        (["a"], "requests.0: Input should be a valid object"),
    ]:
        answer = created(simulator, requests)
        assert answer.status_code == 400
        assert answer.json()["error"] == {"type": "invalid_request_error", "message": message}
    one = json.dumps(lines_of("a")[0]).encode()
    two = b'{"requests": [%b %b]}' % (one, one)
    for body in (b"{", b"", two, b'{"requests": []', b'{"requests": [,]}', b"\xff"):
        answer = created(simulator, body)
        assert answer.json()["error"]["message"] == "The request body is not valid JSON."
    for body, message in [
        (b"[]", "The request body must be a JSON object."),
        (b"{}", "requests: Field required"),
        (b'{"requests": 1}', "requests: Input should be a valid list"),
        (b'{"requests": [], "model": 1}', "model: Extra inputs are not permitted"),
    ]:
        assert created(simulator, body).json()["error"]["message"] == message
    assert httpx2.get(f"{simulator.url}/v1/messages/batches", headers=HEADERS).json()["data"] == []


def test_any_spelling_of_the_body_is_read(simulator: Any, lines_of: Any) -> None:
    spaced = json.dumps({"requests": lines_of("a", "b")}, indent=2).encode()
    assert created(simulator, spaced).json()["request_counts"]["processing"] == 2
    escaped = json.dumps({"requests": lines_of("a", text='"],}\\ \n ü €')}).encode()
    plain = json.dumps({"requests": lines_of("a", text='"],} ü €')}, ensure_ascii=False).encode()
    assert created(simulator, escaped).status_code == 200
    assert created(simulator, plain).status_code == 200


def test_no_more_requests_than_allowed(simulator: Any) -> None:
    requests = [{"custom_id": str(at), "params": {}} for at in range(100_001)]
    answer = created(simulator, requests)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"] == (
        "requests: List should have at most 100000 items after validation, not 100001"
    )


def test_no_more_bytes_than_allowed(simulator: Any) -> None:
    address = urlsplit(simulator.url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=60)
    piece = b" " * 2**20

    def sent(megabytes: int) -> int:
        length = {"content-length": str(megabytes * 2**20)}
        body = (piece for _ in range(megabytes))
        connection.request("POST", "/v1/messages/batches", body, HEADERS | length)
        answer = connection.getresponse()
        answer.read()
        return answer.status

    assert sent(33) == 400, "more than a message may have, and no JSON"
    assert sent(257) == 413
    connection.close()


def test_cancelled_in_the_middle(
    client: anthropic.Anthropic, simulator: Any, lines_of: Any
) -> None:
    simulator.configure(batch_ends_after_s=100, batch_cancel_s=30, batch_in_flight=2)
    batch = client.messages.batches.create(requests=lines_of(*map(str, range(10))))
    simulator.advance(45)
    with pytest.raises(anthropic.BadRequestError) as caught:
        client.messages.batches.delete(batch.id)
    assert "In progress batches cannot be deleted" in str(caught.value)
    cancelled = client.messages.batches.cancel(batch.id)
    assert cancelled.processing_status == "canceling"
    assert cancelled.cancel_initiated_at
    assert counts(cancelled) == (10, 0, 0, 0, 0)
    simulator.advance(29)
    again = client.messages.batches.cancel(batch.id)
    assert again.cancel_initiated_at == cancelled.cancel_initiated_at
    simulator.advance(1)
    over = client.messages.batches.retrieve(batch.id)
    assert over.processing_status == "ended"
    assert counts(over) == (0, 6, 0, 4, 0), "four were done, two in flight"
    kinds = sorted(result.type for result in outcomes(client, batch).values())
    assert kinds == ["canceled"] * 4 + ["succeeded"] * 6
    assert simulator.bill()["calls"] == 6
    with pytest.raises(anthropic.BadRequestError):
        client.messages.batches.cancel(batch.id)


def test_a_cancellation_may_cancel_nothing(
    client: anthropic.Anthropic, simulator: Any, lines_of: Any
) -> None:
    simulator.configure(batch_ends_after_s=100, batch_in_flight=5)
    batch = client.messages.batches.create(requests=lines_of("a", "b"))
    client.messages.batches.cancel(batch.id)
    assert counts(ended(simulator, client, batch)) == (0, 2, 0, 0, 0)


def test_expired_after_a_day(client: anthropic.Anthropic, simulator: Any, lines_of: Any) -> None:
    simulator.fault_at("batches.create", type="batch", never_ends=True, done=0.3)
    batch = client.messages.batches.create(requests=lines_of(*map(str, range(10))))
    simulator.advance(DAY_S - 60)
    assert client.messages.batches.retrieve(batch.id).processing_status == "in_progress"
    simulator.advance(60)
    over = client.messages.batches.retrieve(batch.id)
    assert (over.ended_at, counts(over)) == (over.expires_at, (0, 3, 0, 0, 7))
    assert simulator.bill()["calls"] == 3


def test_results_for_29_days(client: anthropic.Anthropic, simulator: Any, lines_of: Any) -> None:
    batch = client.messages.batches.create(requests=lines_of("a"))
    simulator.advance(29 * DAY_S - 60)
    assert len(list(client.messages.batches.results(batch.id))) == 1
    simulator.advance(60)
    over = client.messages.batches.retrieve(batch.id)
    assert over.archived_at == over.created_at + timedelta(days=29)
    assert over.results_url is None
    address = f"{simulator.url}/v1/messages/batches/{batch.id}/results"
    answer = httpx2.get(address, headers=HEADERS)
    assert answer.status_code == 404
    assert (
        answer.json()["error"]["message"] == f"Message Batch {batch.id} has no available results."
    )


def test_deleted(client: anthropic.Anthropic, simulator: Any, lines_of: Any) -> None:
    batch = client.messages.batches.create(requests=lines_of("a"))
    ended(simulator, client, batch)
    gone = client.messages.batches.delete(batch.id)
    assert (gone.id, gone.type) == (batch.id, "message_batch_deleted")
    with pytest.raises(anthropic.NotFoundError) as caught:
        client.messages.batches.retrieve(batch.id)
    assert caught.value.body["error"]["message"] == f"Message Batch {batch.id} not found."  # type: ignore[index]  # the envelope
    assert list(client.messages.batches.list()) == []
    assert simulator.bill()["calls"] == 1, "and paid for all the same"


def test_times_to_the_end_are_lognormal(
    client: anthropic.Anthropic, simulator: Any, lines_of: Any
) -> None:
    simulator.configure(batch_ends_after_s=400, batch_deviation_s=200, seed=3)
    for _ in range(20):
        client.messages.batches.create(requests=lines_of("a"))
    simulator.advance(DAY_S)
    took = [
        (batch.ended_at - batch.created_at).total_seconds()
        for batch in client.messages.batches.list(limit=100)
        if batch.ended_at
    ]
    assert len(set(took)) == 20
    assert 200 < sum(took) / 20 < 700
    assert min(took) > 0


def test_a_batch_ends_by_itself(client: anthropic.Anthropic, simulator: Any, lines_of: Any) -> None:
    simulator.configure(batch_ends_after_s=0.2)
    batch = client.messages.batches.create(requests=lines_of("a"))
    until = time.monotonic() + 10
    while client.messages.batches.retrieve(batch.id).processing_status != "ended":
        assert time.monotonic() < until
        time.sleep(0.02)
    assert simulator.bill()["calls"] == 1


def test_limits_of_their_own(client: anthropic.Anthropic, simulator: Any, lines_of: Any) -> None:
    simulator.configure(batch_requests_per_minute=3, requests_per_minute=1, batch_queued_requests=3)
    simulator.fault_at("batches.create", type="batch", never_ends=True)
    raw = client.messages.batches.with_raw_response.create(requests=lines_of("a", "b"))
    assert raw.headers["anthropic-ratelimit-requests-limit"] == "3"
    assert raw.headers["anthropic-ratelimit-requests-remaining"] == "2"
    assert "anthropic-ratelimit-tokens-limit" not in raw.headers
    with pytest.raises(anthropic.RateLimitError) as caught:
        client.messages.batches.create(requests=lines_of("c", "d"))
    assert "processing queue" in str(caught.value)
    asked = client.messages.batches.with_raw_response.retrieve(raw.parse().id)
    assert asked.headers["retry-after"] == "10", "while it is in progress"
    with pytest.raises(anthropic.RateLimitError) as caught:
        client.messages.batches.retrieve(raw.parse().id)
    assert caught.value.response.headers["retry-after"] == "20"
    client.messages.create(
        max_tokens=1, model="claude-sonnet-5-5", messages=lines_of("a")[0]["params"]["messages"]
    )


def test_methods_keys_and_paths(simulator: Any) -> None:
    base = f"{simulator.url}/v1/messages/batches"
    assert httpx2.get(base).status_code == 401
    assert httpx2.put(base, headers=HEADERS).status_code == 405
    assert httpx2.get(f"{base}/none", headers=HEADERS).status_code == 404
    assert httpx2.get(f"{base}/none/results", headers=HEADERS).status_code == 404
    assert httpx2.get(f"{base}/none/other", headers=HEADERS).status_code == 404
    assert httpx2.get(f"{base}/none/cancel", headers=HEADERS).status_code == 405


def test_reset_forgets_batches(client: anthropic.Anthropic, simulator: Any, lines_of: Any) -> None:
    client.messages.batches.create(requests=lines_of("a"))
    simulator.advance(DAY_S)
    simulator.post("/_sim/reset")
    assert list(client.messages.batches.list()) == []
    assert simulator.bill() == {"micro_usd": 0, "calls": 0, "unpriced_calls": 0, "by": []}
    assert simulator.get("/_sim/clock")["advanced_s"] == 0
