"""The wire contract, as raw bytes and as the SDK sees it."""

import http.client
import json
import socket
from typing import Any
from urllib.parse import urlsplit

import anthropic
import pytest

HEADERS = {"x-api-key": "key", "anthropic-version": "2026-10-21"}
RATE_LIMIT_HEADERS = {
    f"anthropic-ratelimit-{group}-{part}"
    for group in ("requests", "tokens", "input-tokens", "output-tokens")
    for part in ("limit", "remaining", "reset")
}


def call(
    simulator: Any, method: str, path: str, body: Any = None, headers: Any = None
) -> tuple[int, Any, dict[str, Any]]:
    """(status, headers, JSON body) of one raw request."""
    address = urlsplit(simulator.url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=10)
    data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
    connection.request(method, path, data, HEADERS if headers is None else headers)
    answer = connection.getresponse()
    result = answer.status, dict(answer.headers), json.loads(answer.read())
    connection.close()
    return result


def simple(**changes: Any) -> dict[str, Any]:
    return {
        "model": "claude-sonnet-5-5",
        "max_tokens": 100,
        "messages": [{"role": "user", "content": "Hello"}],
    } | changes


def test_message_has_all_fields(client: anthropic.Anthropic, request_of: Any) -> None:
    raw = client.messages.with_raw_response.create(**request_of())
    message = raw.parse()
    assert message.id.startswith("msg_")
    assert message.role == "assistant"
    assert message.model == "claude-sonnet-5-5"
    assert message.stop_reason == "end_turn"
    assert message.usage.service_tier == "standard"
    assert message.usage.output_tokens_details
    assert message.usage.input_tokens > 0
    assert raw.request_id
    assert raw.request_id.startswith("req_")
    assert set(raw.headers) >= RATE_LIMIT_HEADERS
    assert raw.headers["anthropic-workspace-id"]


def test_usage_is_characters_by_three_point_six(client: anthropic.Anthropic) -> None:
    message = client.messages.create(
        model="claude-sonnet-5-5",
        max_tokens=100,
        system="s" * 36,
        messages=[{"role": "user", "content": "u" * 37}],
    )
    assert message.usage.input_tokens == 10 + 11


@pytest.mark.parametrize(
    ("headers", "status", "kind"),
    [
        ({}, 401, "authentication_error"),
        ({"authorization": "Bearer "}, 401, "authentication_error"),
        ({"x-api-key": "key"}, 400, "invalid_request_error"),
        ({"x-api-key": "key", "anthropic-version": "1999-01-01"}, 400, "invalid_request_error"),
        ({"authorization": "Bearer key", "anthropic-version": "2023-06-01"}, 200, None),
        ({"x-api-key": "key", "anthropic-version": "2026-10-21"}, 200, None),
    ],
)
def test_access(simulator: Any, headers: dict[str, str], status: int, kind: str | None) -> None:
    got, _, body = call(simulator, "POST", "/v1/messages", simple(), headers)
    assert got == status
    assert body.get("error", {}).get("type") == kind


def test_error_carries_the_request_id_of_its_header(simulator: Any) -> None:
    status, headers, body = call(simulator, "GET", "/v1/nothing")
    assert status == 404
    assert body == {
        "type": "error",
        "error": {"type": "not_found_error", "message": "Not found: /v1/nothing"},
        "request_id": headers["request-id"],
    }


def test_wrong_method(simulator: Any) -> None:
    status, headers, _ = call(simulator, "GET", "/v1/messages")
    assert (status, headers["allow"]) == (405, "POST")


FORCED = {"type": "tool", "name": "t"}
TOOLS = [{"name": "t", "input_schema": {"type": "object"}}]
PREFILL = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "{"}]


@pytest.mark.parametrize(
    ("changes", "status", "message"),
    [
        ({"temperature": 1.0}, 400, "temperature: Extra inputs are not permitted"),
        ({"top_p": 0.9}, 400, "top_p: Extra inputs are not permitted"),
        ({"surprise": 1}, 400, "surprise: Extra inputs are not permitted"),
        ({"model": "claude-nobody"}, 404, "model: claude-nobody"),
        ({"messages": []}, 400, "messages: at least one message is required"),
        ({"messages": PREFILL}, 400, "prefill"),
        ({"max_tokens": 200_000}, 400, "max_tokens: 200000 > 128000"),
        ({"max_tokens": "many"}, 400, "max_tokens"),
        ({"metadata": {"user_id": "x" * 257}}, 400, "metadata.user_id"),
        ({"model": "claude-opus-5-5", "tools": TOOLS, "tool_choice": FORCED}, 400, "tool_choice"),
        ({"model": "claude-fable-5-1", "thinking": {"type": "disabled"}}, 400, "thinking"),
        ({"output_config": {"format": {"type": "json_schema", "schema": 1}}}, 400, "schema"),
        ({"messages": [{"role": "user", "content": "x" * 3_700_000}]}, 400, "prompt is too long"),
    ],
)
def test_refused_requests(
    simulator: Any, changes: dict[str, Any], status: int, message: str
) -> None:
    got, _, body = call(simulator, "POST", "/v1/messages", simple(**changes))
    assert got == status
    assert message in body["error"]["message"]


def test_prefill_and_sampling_where_they_are_still_allowed(simulator: Any) -> None:
    headers = {"x-api-key": "key", "anthropic-version": "2023-06-01"}
    body = simple(model="claude-haiku-4-5", messages=PREFILL, temperature=0.5)
    assert call(simulator, "POST", "/v1/messages", body, headers)[0] == 200
    body = simple(tools=TOOLS, tool_choice=FORCED)
    assert call(simulator, "POST", "/v1/messages", body)[0] == 200


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {"a": {"type": "string"}}},
        {"type": "array", "items": {"type": "integer", "minimum": 1}},
        {"type": "array", "minItems": 2, "items": {"type": "string"}},
        {"$ref": "#/$defs/Node", "$defs": {"Node": {"anyOf": [{"$ref": "#/$defs/Node"}]}}},
        {"$ref": "#/$defs/Missing"},
        {"type": "text"},
        {"type": "object", "additionalProperties": False, "properties": ["a"]},
        {"type": "array", "items": [{"type": "string"}]},
        {"anyOf": 1},
    ],
)
def test_schemas_that_structured_output_does_not_take(simulator: Any, schema: Any) -> None:
    body = simple(output_config={"format": {"type": "json_schema", "schema": schema}})
    status, _, answer = call(simulator, "POST", "/v1/messages", body)
    assert status == 400
    assert answer["error"]["type"] == "invalid_request_error"


def test_body_that_is_no_json_is_booked_and_refused(simulator: Any) -> None:
    status, _, body = call(simulator, "POST", "/v1/messages", b'{"model":')
    assert (status, body["error"]["type"]) == (400, "invalid_request_error")
    assert [one["status"] for one in simulator.calls()] == [400]


def test_body_above_32_mb(simulator: Any) -> None:
    text = "x" * (32 * 1024 * 1024)
    status, _, body = call(
        simulator, "POST", "/v1/messages", simple(messages=[{"role": "user", "content": text}])
    )
    assert (status, body["error"]["type"]) == (413, "request_too_large")


def test_unreadable_http(simulator: Any) -> None:
    address = urlsplit(simulator.url)
    with socket.create_connection((address.hostname, address.port or 0), timeout=5) as plug:
        plug.sendall(b"THIS IS NOT HTTP\r\n\r\n")
        assert plug.recv(100).startswith(b"HTTP/1.1 400")


def test_pipelined_requests_are_answered_in_order(simulator: Any) -> None:
    simulator.configure(latency_ms=20)
    address = urlsplit(simulator.url)
    with socket.create_connection((address.hostname, address.port or 0), timeout=5) as plug:
        data = b""
        for path in (
            b"/v1/models/claude-opus-5",
            b"/v1/models/nobody",
            b"/v1/models/claude-fable-5",
        ):
            data += b"GET " + path + b" HTTP/1.1\r\nx-api-key: k\r\n"
            data += b"anthropic-version: 2023-06-01\r\n\r\n"
        plug.sendall(data)
        received = b""
        while received.count(b"HTTP/1.1") < 3 or not received.endswith(b"}"):
            received += plug.recv(65536)
    assert [part[:3] for part in received.split(b"HTTP/1.1 ")[1:]] == [b"200", b"404", b"200"]


def test_models(client: anthropic.Anthropic) -> None:
    models = list(client.models.list())
    assert len({model.id for model in models}) == len(models) > 20
    assert client.models.retrieve("claude-sonnet-5-5").id == "claude-sonnet-5-5"
    with pytest.raises(anthropic.NotFoundError):
        client.models.retrieve("claude-nobody")


def test_count_tokens_has_its_own_limit(client: anthropic.Anthropic, simulator: Any) -> None:
    simulator.configure(count_tokens_per_minute=60, burst_s=1, requests_per_minute=1)
    text: Any = {"role": "user", "content": "u" * 37}
    counted = client.messages.count_tokens(
        model="claude-sonnet-5-5", system="s" * 36, messages=[text]
    )
    assert counted.input_tokens == 21
    with pytest.raises(anthropic.RateLimitError) as caught:
        client.messages.count_tokens(model="claude-sonnet-5-5", messages=[text])
    assert caught.value.response.headers["retry-after"] == "1"
    assert simulator.totals()["calls"] == 0


def test_stream(client: anthropic.Anthropic, request_of: Any, text_in: Any) -> None:
    plain = client.messages.create(**request_of())
    with client.messages.stream(**request_of()) as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_message()
    assert kinds[0] == "message_start"
    assert kinds[-1] == "message_stop"
    assert text_in(final) == text_in(plain)
    assert final.stop_reason == "end_turn"
    assert final.usage.output_tokens == plain.usage.output_tokens
    assert final.usage.input_tokens == plain.usage.input_tokens


def test_stream_takes_the_latency_as_a_whole(
    client: anthropic.Anthropic, simulator: Any, request_of: Any
) -> None:
    simulator.configure(latency_ms=400)
    with client.messages.stream(**request_of()) as stream:
        stream.until_done()
    (one,) = simulator.calls()
    assert one["stream"]
    assert 0.38 < one["end"] - one["start"] < 0.7


async def _stream_async(url: str, arguments: dict[str, Any]) -> anthropic.types.Message:
    async with (
        anthropic.AsyncAnthropic(api_key="key", base_url=url, max_retries=0) as sdk,
        sdk.messages.stream(**arguments) as stream,
    ):
        return await stream.get_final_message()


def test_async_client(simulator: Any, request_of: Any) -> None:
    import asyncio

    message = asyncio.run(_stream_async(simulator.url, request_of()))
    assert message.stop_reason == "end_turn"


def test_thinking_when_asked_for(client: anthropic.Anthropic, request_of: Any) -> None:
    message = client.messages.create(**request_of(thinking={"type": "adaptive"}))
    assert [block.type for block in message.content] == ["thinking", "text"]
    assert message.usage.output_tokens_details
    assert message.usage.output_tokens_details.thinking_tokens > 0


def test_max_tokens_cuts_the_answer(
    client: anthropic.Anthropic, request_of: Any, text_in: Any
) -> None:
    message = client.messages.create(**request_of(max_tokens=100))
    assert message.stop_reason == "max_tokens"
    assert message.usage.output_tokens == 100
    assert len(text_in(message)) == 360
