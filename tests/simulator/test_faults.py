"""Every fault, as the SDK shows it to the program that uses it."""

import json
import time
from typing import Any

import anthropic
import httpx2
import pytest


def error(status: int, **extra: Any) -> dict[str, Any]:
    return {"type": "error", "status": status, **extra}


@pytest.mark.parametrize(
    ("status", "exception", "kind"),
    [
        (400, anthropic.BadRequestError, "invalid_request_error"),
        (401, anthropic.AuthenticationError, "authentication_error"),
        (402, anthropic.APIStatusError, "billing_error"),
        (403, anthropic.PermissionDeniedError, "permission_error"),
        (404, anthropic.NotFoundError, "not_found_error"),
        (408, anthropic.APIStatusError, "timeout_error"),
        (409, anthropic.ConflictError, "conflict_error"),
        (413, anthropic.APIStatusError, "request_too_large"),
        (429, anthropic.RateLimitError, "rate_limit_error"),
        (500, anthropic.InternalServerError, "api_error"),
        (503, anthropic.InternalServerError, "api_error"),
        (504, anthropic.InternalServerError, "timeout_error"),
        (529, anthropic.InternalServerError, "overloaded_error"),
    ],
)
def test_error_statuses(
    *,
    client: anthropic.Anthropic,
    simulator: Any,
    request_of: Any,
    status: int,
    exception: type[anthropic.APIStatusError],
    kind: str,
) -> None:
    simulator.fault(error(status))
    with pytest.raises(exception) as caught:
        client.messages.create(**request_of())
    assert (caught.value.status_code, caught.value.type) == (status, kind)
    assert isinstance(caught.value.body, dict)
    assert caught.value.request_id == caught.value.body["request_id"]
    (call,) = simulator.calls()
    assert (call["status"], call["fault"], call["retry_count"]) == (status, f"error_{status}", 0)


@pytest.mark.parametrize(
    ("action", "code", "message", "retry_after"),
    [
        (error(429, retry_after_s=7), None, "rate limit", "7"),
        (error(429, kind="ramp"), "ramp_limit_exceeded", "ramp limit", "1"),
        (error(429, kind="spend_cap"), "enforced_spend_limit_reached", "spend limit", None),
        (error(429, kind="contract_spend_cap"), "contract_spend_limit_reached", "spend", None),
        (error(400, kind="own_limit"), None, "You have reached your specified API usage", None),
        (error(400, kind="credit"), None, "Your credit balance is too low", None),
        (error(403, kind="on_hold"), "organization_on_hold", "on hold", None),
        (error(400, kind="disabled"), None, "organization has been disabled", None),
        (error(400, kind="too_long"), None, "prompt is too long", None),
        (error(429, kind="long_context"), None, "Extra usage is required", None),
        (error(529, headers={"x-should-retry": "false"}), None, "Overloaded", None),
    ],
)
def test_special_errors(
    *,
    client: anthropic.Anthropic,
    simulator: Any,
    request_of: Any,
    action: dict[str, Any],
    code: str | None,
    message: str,
    retry_after: str | None,
) -> None:
    simulator.fault(action)
    with pytest.raises(anthropic.APIStatusError) as caught:
        client.messages.create(**request_of())
    assert caught.value.error_code == code
    assert message in (caught.value.api_message or "")
    assert caught.value.response.headers.get("retry-after") == retry_after


def test_bad_gateway_is_a_proxys_page(
    client: anthropic.Anthropic, simulator: Any, request_of: Any
) -> None:
    simulator.fault(error(502))
    with pytest.raises(anthropic.InternalServerError) as caught:
        client.messages.create(**request_of())
    assert isinstance(caught.value.body, str)
    assert "<html>" in caught.value.body


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ("<html>blocked</html>", "text/html; charset=UTF-8"),
        ('{"detail": "no"}', "application/json"),
        ("blocked", "text/plain; charset=utf-8"),
        ("", "text/plain; charset=utf-8"),
    ],
)
def test_what_stands_before_the_provider_answers_in_its_own_words(
    client: anthropic.Anthropic, simulator: Any, request_of: Any, body: str, content_type: str
) -> None:
    simulator.fault(error(403, body=body))
    with pytest.raises(anthropic.PermissionDeniedError) as caught:
        client.messages.create(**request_of())
    assert caught.value.response.text == body
    assert caught.value.response.headers["content-type"] == content_type
    assert "anthropic-ratelimit-requests-limit" not in caught.value.response.headers


def test_an_error_may_come_inside_a_success_and_have_any_type(
    client: anthropic.Anthropic, simulator: Any, request_of: Any
) -> None:
    simulator.fault(error(200, error_type="billing_error"))
    answer = client.messages.with_raw_response.create(**request_of())
    assert (answer.status_code, answer.http_response.json()["error"]["type"]) == (
        200,
        "billing_error",
    )


def test_malformed_json(
    client: anthropic.Anthropic, simulator: Any, request_of: Any, text_in: Any
) -> None:
    simulator.fault({"type": "malformed_json"})
    message = client.messages.create(**request_of())
    assert message.stop_reason == "end_turn"
    with pytest.raises(json.JSONDecodeError):
        json.loads(text_in(message))


def test_schema_miss(
    client: anthropic.Anthropic, simulator: Any, request_of: Any, text_in: Any
) -> None:
    simulator.fault({"type": "schema_miss"})
    assert "stories" not in json.loads(text_in(client.messages.create(**request_of())))


def test_refusal(client: anthropic.Anthropic, simulator: Any, request_of: Any) -> None:
    simulator.fault({"type": "refusal"})
    message = client.messages.create(**request_of())
    assert message.stop_reason == "refusal"
    assert message.stop_details
    assert message.usage.output_tokens > 0
    assert simulator.calls()[0]["stop_reason"] == "refusal"


def test_cut_by_max_tokens(
    client: anthropic.Anthropic, simulator: Any, request_of: Any, text_in: Any
) -> None:
    simulator.fault({"type": "max_tokens"})
    message = client.messages.create(**request_of())
    assert message.stop_reason == "max_tokens"
    with pytest.raises(json.JSONDecodeError):
        json.loads(text_in(message))


def test_weak_stories_get_better_when_defects_are_named(
    client: anthropic.Anthropic, simulator: Any, request_of: Any, prompt_of: Any, text_in: Any
) -> None:
    good = text_in(client.messages.create(**request_of()))
    simulator.fault({"type": "weak_stories"})
    weak = json.loads(text_in(client.messages.create(**request_of())))["stories"]
    assert len(weak) >= 5
    assert not any(story["userStory"].startswith("As ") for story in weak)
    repair = prompt_of(extra='<defects>[{"story":1,"criterion":"well-formed"}]</defects>')
    assert text_in(client.messages.create(**request_of(text=repair))) == good


def test_invalid_http_json(client: anthropic.Anthropic, simulator: Any, request_of: Any) -> None:
    simulator.fault({"type": "bad_http_json"})
    with pytest.raises(json.JSONDecodeError):
        client.messages.create(**request_of())


def test_empty_object(client: anthropic.Anthropic, simulator: Any, request_of: Any) -> None:
    simulator.fault({"type": "empty_object"})
    assert client.messages.create(**request_of()).content is None


def test_text_plain(client: anthropic.Anthropic, simulator: Any, request_of: Any) -> None:
    simulator.fault({"type": "text_plain"})
    answer: object = client.messages.create(**request_of())
    assert answer == "OK"


def test_stall_ends_with_the_clients_patience(
    client: anthropic.Anthropic, simulator: Any, request_of: Any
) -> None:
    simulator.fault({"type": "stall"})
    with pytest.raises(anthropic.APITimeoutError):
        client.with_options(timeout=0.3).messages.create(**request_of())
    deadline = time.monotonic() + 2
    while simulator.calls()[0]["status"] is None and time.monotonic() < deadline:
        time.sleep(0.01)
    (call,) = simulator.calls()
    assert call["status"] == "aborted"
    assert 0.25 < call["end"] - call["start"] < 5


def test_drip_outlasts_a_read_timeout(
    client: anthropic.Anthropic, simulator: Any, request_of: Any
) -> None:
    simulator.fault({"type": "drip", "duration_s": 2, "pieces": 20})
    began = time.monotonic()
    message = client.with_options(timeout=1.5).messages.create(**request_of())
    assert message.stop_reason == "end_turn"
    assert 1.8 < time.monotonic() - began < 8


@pytest.mark.parametrize(
    ("action", "status"),
    [
        ({"type": "cut_body"}, "cut"),
        ({"type": "reset", "at": "before"}, "reset"),
        ({"type": "reset", "at": "mid"}, "reset"),
    ],
)
def test_broken_connections(
    client: anthropic.Anthropic,
    simulator: Any,
    request_of: Any,
    action: dict[str, Any],
    status: str,
) -> None:
    simulator.fault(action, times=1)
    with pytest.raises(anthropic.APIConnectionError):
        client.messages.create(**request_of())
    assert client.messages.create(**request_of()).stop_reason == "end_turn"
    assert [call["status"] for call in simulator.calls()] == [status, 200]
    assert simulator.totals()["in_flight"] == 0


def test_reset_is_a_reset(simulator: Any, request_of: Any) -> None:
    simulator.fault({"type": "reset", "at": "before"})
    with pytest.raises(httpx2.ReadError):
        httpx2.post(
            f"{simulator.url}/v1/messages",
            json=request_of(),
            headers={"x-api-key": "k", "anthropic-version": "2026-10-21"},
        )


def test_stream_that_ends_early(
    client: anthropic.Anthropic, simulator: Any, request_of: Any
) -> None:
    simulator.fault({"type": "stream_early_end"})
    client.messages.create(**request_of())  # a plain call is left alone
    with client.messages.stream(**request_of()) as stream:
        final = stream.get_final_message()
    assert final.stop_reason is None


def test_stream_with_an_error_event(
    client: anthropic.Anthropic, simulator: Any, request_of: Any
) -> None:
    simulator.fault({"type": "stream_error"})
    with (
        pytest.raises(anthropic.APIStatusError) as caught,
        client.messages.stream(**request_of()) as stream,
    ):
        stream.until_done()
    assert (caught.value.status_code, caught.value.type) == (200, "overloaded_error")


def test_stream_cut_in_the_middle(
    client: anthropic.Anthropic, simulator: Any, request_of: Any
) -> None:
    simulator.fault({"type": "cut_body"})
    with (
        pytest.raises(httpx2.RemoteProtocolError),
        client.messages.stream(**request_of()) as stream,
    ):
        stream.until_done()


def test_leading_thinking_block(
    client: anthropic.Anthropic, simulator: Any, request_of: Any, text_in: Any
) -> None:
    simulator.fault({"type": "thinking"})
    message = client.messages.create(**request_of())
    assert [block.type for block in message.content] == ["thinking", "text"]
    assert json.loads(text_in(message))["stories"]


def test_delay(client: anthropic.Anthropic, simulator: Any, request_of: Any) -> None:
    simulator.fault({"type": "delay", "delay_s": 0.3}, epic="E3")
    client.messages.create(**request_of())
    (call,) = simulator.calls()
    assert 0.29 < call["end"] - call["start"] < 0.6


def test_nth_counts_each_marker_for_itself(
    client: anthropic.Anthropic, simulator: Any, request_of: Any
) -> None:
    simulator.fault(error(500), nth=[1, 3])
    statuses = []
    for marker in ("a", "b", "a", "a", "b"):
        raw = client.messages.with_raw_response
        try:
            statuses.append((marker, raw.create(**request_of(marker=marker)).status_code))
        except anthropic.InternalServerError as caught:
            statuses.append((marker, caught.status_code))
    assert statuses == [("a", 500), ("b", 500), ("a", 200), ("a", 500), ("b", 200)]


def test_match_times_and_order(
    client: anthropic.Anthropic, simulator: Any, request_of: Any, prompt_of: Any
) -> None:
    simulator.post(
        "/_sim/faults",
        [
            {"match": {"epic": "E1"}, "times": 1, "action": error(500)},
            {"match": {"marker": "x"}, "action": error(503)},
            {"match": {"model": "claude-opus-5"}, "action": error(529)},
        ],
    )

    def status(epic: str, marker: str, model: str = "claude-sonnet-5-5") -> int:
        arguments = request_of(marker=marker, text=prompt_of(epic=epic), model=model)
        try:
            client.messages.create(**arguments)
        except anthropic.APIStatusError as caught:
            return caught.status_code
        return 200

    assert status("E1", "x") == 500
    assert status("E1", "x") == 503
    assert status("E1", "y") == 200
    assert status("E2", "y", "claude-opus-5") == 529
    assert simulator.get("/_sim/faults") == {"rules": 3, "fired": [1, 1, 1]}
    assert simulator.totals()["by_fault"] == {"error_500": 1, "error_503": 1, "error_529": 1}


def test_probability_depends_on_the_marker_not_on_the_order(
    client: anthropic.Anthropic, simulator: Any, request_of: Any
) -> None:
    def failed(markers: list[str]) -> set[str]:
        simulator.fault(error(500), probability=0.3)
        lost = set()
        for marker in markers:
            try:
                client.messages.create(**request_of(marker=marker))
            except anthropic.InternalServerError:
                lost.add(marker)
        return lost

    markers = [f"m{at}" for at in range(60)]
    first = failed(markers)
    assert 6 <= len(first) <= 30
    assert failed(markers[::-1]) == first


@pytest.mark.parametrize(
    "rules",
    [
        {},
        [{"action": {"type": "explode"}}],
        [{"match": {"epik": "E1"}, "action": {"type": "stall"}}],
        [{"match": {"nth": [0]}, "action": {"type": "stall"}}],
        [{"match": {"probability": 2}, "action": {"type": "stall"}}],
        [{"times": 0, "action": {"type": "stall"}}],
        [{"action": {"type": "error", "status": 200}}],
        [{"action": {"type": "error", "status": 500, "kind": "credit"}}],
        [{"action": {"type": "error", "status": 429, "headers": {"a": "b\r\nc: d"}}}],
        [{"action": {"type": "delay", "delay_s": -1}}],
    ],
)
def test_rules_that_make_no_sense_are_refused_whole(simulator: Any, rules: Any) -> None:
    simulator.fault({"type": "stall"})
    answer = httpx2.post(f"{simulator.url}/_sim/faults", json=rules)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"]
    assert simulator.get("/_sim/faults")["rules"] == 1
