"""The client over a real socket: what it sends, what it accepts, how it stops."""

import asyncio
import gzip
import json
import subprocess
import sys
import time

import pytest

from providers.anthropic import calls, sdk
from providers.anthropic.client import ProviderClient
from providers.anthropic.wire import completion
from providers.errors import (
    AddressWrong,
    BlockedBeforeApi,
    CallAborted,
    CallTimedOut,
    ConnectionFailed,
    Effect,
    Overloaded,
    ProviderError,
    QueueFull,
    RateLimited,
    RequestRejected,
    ServerFailed,
    UnreadableAnswer,
)
from providers.values import Answer, CacheFor, StopReason, Usage
from tests.blocking_client import BlockingClient
from tests.loops import until
from tests.unit.providers import wire as w
from tests.unit.providers.conftest import ClientFactory, completion_request
from tests.unit.providers.wire import Wire

EVERYDAY = Usage(input_tokens=100, output_tokens=40, cache_read_tokens=30, cache_write_5m_tokens=20)


def failure(client: BlockingClient, **changes: object) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        client.complete(completion_request(**changes))
    return caught.value


def test_it_returns_the_text_the_usage_and_the_limits(wire: Wire, client: BlockingClient) -> None:
    answer = client.complete(completion_request())

    assert answer.completion.text == '{"stories": []}'
    assert answer.completion.stop_reason == "end_turn"
    assert answer.completion.model == "claude-sonnet-5-5"
    assert answer.completion.request_id == "req_01"
    assert answer.completion.usage == EVERYDAY
    assert answer.limits is not None
    assert answer.limits.requests is not None
    assert answer.limits.requests.limit == 1000
    assert 0 < answer.latency_s < 10


def test_it_sends_the_agreed_request(wire: Wire, client: BlockingClient) -> None:
    client.complete(completion_request(user="“Ünï” <epic>"))

    [seen] = wire.seen
    assert seen.line == "POST /v1/messages HTTP/1.1"
    assert seen.headers["authorization"] == "bearer sk-ant-test-1234567890"
    assert seen.headers["x-stainless-retry-count"] == "0"
    assert seen.body == {
        "model": "claude-sonnet-5-5",
        "max_tokens": 4_000,
        "system": [
            {"type": "text", "text": "You write."},
            {"type": "text", "text": "The project.", "cache_control": {"type": "ephemeral"}},
        ],
        "messages": [{"role": "user", "content": "“Ünï” <epic>"}],
        "output_config": {
            "format": {
                "type": "json_schema",
                "schema": {"type": "object", "properties": {}, "additionalProperties": False},
            }
        },
        "metadata": {"user_id": "run-epic-1"},
    }


def test_it_takes_the_text_blocks_and_leaves_thinking_and_unknown_ones(
    wire: Wire, client: BlockingClient
) -> None:
    blocks = [
        {"type": "thinking", "thinking": "hm", "signature": "x"},
        {"type": "text", "text": "one "},
        {"type": "hologram", "text": "no"},
        {"type": "text", "text": "two"},
    ]
    wire.script = [w.answer(w.message(content=blocks, stop_reason="brand_new"))]

    completion = client.complete(completion_request()).completion

    assert completion.text == "one two"
    assert completion.stop_reason is StopReason.OTHER


def test_a_refusal_may_come_without_content(wire: Wire, client: BlockingClient) -> None:
    wire.script = [w.answer(w.message(content=[], stop_reason="refusal"))]

    completion = client.complete(completion_request()).completion

    assert (completion.text, completion.stop_reason) == ("", "refusal")


@pytest.mark.parametrize("max_tokens", [1, 64_000])
def test_any_cap_may_be_asked_for(client: BlockingClient, max_tokens: int) -> None:
    assert client.complete(completion_request(max_tokens=max_tokens)).completion.text


@pytest.mark.parametrize(
    "reply",
    [
        w.answer('{"id": "msg'),
        w.answer("{}"),
        w.answer(""),
        w.answer("null"),
        w.answer("[]"),
        w.answer('"text"'),
        w.answer(b"\xff\xfe\x00"),
        w.answer("[" * 100_000),
        w.answer("hello", content_type="text/plain"),
        w.answer(w.message(type="error")),
        w.answer(w.message(content=...)),
        w.answer(w.message(content=None)),
        w.answer(w.message(content=[])),
        w.answer(w.message(content=[], stop_reason=None)),
        w.answer(w.message(content=7)),
        w.answer('{"type": "message", "id": ' + "9" * 5_000 + "}"),
        w.answer(json.dumps(w.message())[:-1] + ', "more": ' + "[" * 100_000),
        w.answer(w.message(content=["text"])),
        w.answer(w.message(content=[{"type": "text"}])),
    ],
)
def test_a_success_that_is_no_whole_message_is_unreadable(
    wire: Wire, client: BlockingClient, reply: w.Reply
) -> None:
    wire.script = [reply]

    error = failure(client)

    assert isinstance(error, UnreadableAnswer)
    assert error.effect is Effect.RETRY
    assert error.possibly_billed
    assert error.request_id == "req_01"
    assert error.limits is not None
    assert len(wire.seen) == 1


EVENTS = (
    'event: message_start\ndata: {"type": "message_start"}\n\n'
    f"event: error\ndata: {json.dumps(w.error_body('overloaded_error', 'Overloaded'))}\n\n"
)


@pytest.mark.parametrize(
    ("reply", "expected", "billed"),
    [
        (w.answer(w.error_body("overloaded_error")), Overloaded, True),
        (w.answer(w.error_body("rate_limit_error"), retry_after="3"), RateLimited, True),
        (w.answer(w.error_body("invalid_request_error")), RequestRejected, True),
        (w.answer({"error": {"message": "no upstream", "code": 502}}), ServerFailed, True),
        (w.answer(EVENTS, content_type="text/event-stream"), Overloaded, True),
        (
            w.answer("<html>Welcome to the hotel network</html>", content_type="text/html"),
            BlockedBeforeApi,
            False,
        ),
        (w.answer("\n<!DOCTYPE html><p>Sign in first", content_type="x"), BlockedBeforeApi, False),
        (w.answer("Sign in first", content_type="text/html"), BlockedBeforeApi, False),
    ],
)
def test_a_refusal_inside_a_success_is_called_what_it_is(
    wire: Wire, client: BlockingClient, reply: w.Reply, expected: type[ProviderError], billed: bool
) -> None:
    wire.script = [reply]

    error = failure(client)

    assert type(error) is expected
    assert error.possibly_billed is billed
    assert (error.http_status, error.request_id) == (200, "req_01")
    assert error.limits is not None


_USAGE = {"input_tokens": 3, "output_tokens": 4}


@pytest.mark.parametrize(
    ("changes", "usage"),
    [
        ({"id": ...}, ...),
        ({"id": ""}, ...),
        ({"id": 7}, ...),
        ({"id": None, "type": None, "role": None, "model": None, "stop_reason": None}, ...),
        ({"content": '{"stories": []}'}, ...),
        ({"usage": _USAGE}, Usage(input_tokens=3, output_tokens=4)),
        (
            {"usage": {"input_tokens": "3", "output_tokens": 4.0, "cache_read_input_tokens": None}},
            Usage(input_tokens=3, output_tokens=4),
        ),
        ({"usage": ...}, None),
        ({"usage": None}, None),
        ({"usage": []}, None),
        ({"usage": {"input_tokens": 3}}, None),
        ({"usage": _USAGE | {"output_tokens": -4}}, None),
        ({"usage": _USAGE | {"output_tokens": 4.5}}, None),
        ({"usage": _USAGE | {"output_tokens": True}}, None),
        ({"usage": _USAGE | {"output_tokens": 2**40}}, None),
        ({"usage": _USAGE | {"output_tokens": "²"}}, None),
        ({"usage": _USAGE | {"cache_creation_input_tokens": -1}}, None),
        ({"usage": _USAGE | {"cache_creation": {"ephemeral_1h_input_tokens": -1}}}, None),
        ({"usage": _USAGE | {"cache_creation": {"ephemeral_5m_input_tokens": "x"}}}, None),
    ],
)
def test_what_was_paid_for_is_kept_whatever_the_bookkeeping(
    wire: Wire, client: BlockingClient, changes: dict[str, object], usage: object
) -> None:
    wire.script = [w.answer(w.message(**changes))]

    completion = client.complete(completion_request()).completion

    assert completion.text == '{"stories": []}'
    assert completion.model == "claude-sonnet-5-5"
    assert completion.usage == (EVERYDAY if usage is ... else usage)


_5M, _1H = "ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens"


@pytest.mark.parametrize(
    ("total", "split", "asked", "told"),
    [
        (30, {_5M: 10, _1H: 20}, CacheFor.FIVE_MINUTES, (10, 20)),
        (0, {_5M: 10, _1H: 20}, CacheFor.FIVE_MINUTES, (10, 20)),
        (None, {_5M: 0, _1H: 20}, CacheFor.ONE_HOUR, (0, 20)),
        (30, None, CacheFor.FIVE_MINUTES, (30, 0)),
        (30, None, CacheFor.ONE_HOUR, (0, 30)),
        (30, {_5M: 0, _1H: 0}, CacheFor.ONE_HOUR, (0, 30)),
        (30, {_5M: None, _1H: None}, CacheFor.FIVE_MINUTES, (30, 0)),
        (30, [], CacheFor.FIVE_MINUTES, (30, 0)),
    ],
)
def test_cache_writes_are_told_apart_by_how_long_they_last(
    total: int | None, split: object, asked: CacheFor, told: tuple[int, int]
) -> None:
    usage = _USAGE | {"cache_creation_input_tokens": total, "cache_creation": split}

    read = completion(w.message(usage=usage), request_id="", model="m", cache_for=asked).usage

    assert read is not None
    assert (read.cache_write_5m_tokens, read.cache_write_1h_tokens) == told
    assert read.cache_write_tokens == sum(told)


def test_it_asks_for_an_hour_where_an_hour_is_wanted(wire: Wire, client: BlockingClient) -> None:
    client.complete(completion_request(cache_for=CacheFor.ONE_HOUR))

    assert wire.seen[0].body["system"] == [
        {"type": "text", "text": "You write."},
        {
            "type": "text",
            "text": "The project.",
            "cache_control": {"type": "ephemeral", "ttl": "1h"},
        },
    ]


@pytest.mark.parametrize("number", ["9" * 5_000, "1e400", "-" + "9" * 5_000, "NaN"])
def test_a_number_that_nobody_can_count_costs_the_usage_only(
    wire: Wire, client: BlockingClient, number: str
) -> None:
    body = json.dumps(w.message(usage=_USAGE)).replace("4}", number + "}")
    wire.script = [w.answer(body)]

    completion = client.complete(completion_request()).completion

    assert (completion.text, completion.usage) == ('{"stories": []}', None)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("a\x00b", "ab"),
        ("a\ud800b", "ab"),
        ("\udc00\ud800 ab", " ab"),
        ("\ud83d\ude00", "\U0001f600"),
        ("\ufffe\uffff\U0010ffff", "\ufffe\uffff\U0010ffff"),
    ],
)
def test_every_text_can_be_stored(wire: Wire, client: BlockingClient, text: str, kept: str) -> None:
    content = [{"type": "text", "text": text}, {"type": "text", "text": "."}]
    wire.script = [w.answer(w.message(content=content, stop_reason=text, model=text))]

    completion = client.complete(completion_request()).completion

    assert completion.text == f"{kept}."
    for said in (completion.text, completion.stop_reason, completion.model):
        assert "\x00" not in said
        said.encode()


def test_bytes_that_are_no_text_cost_their_places_only(wire: Wire, client: BlockingClient) -> None:
    body = json.dumps(w.message(content="before|after")).encode().replace(b"|", b"\xff")
    wire.script = [w.answer(body)]

    assert client.complete(completion_request()).completion.text == "before\ufffdafter"


def test_names_and_ids_are_short(wire: Wire, client: BlockingClient) -> None:
    long = "x" * 5_000
    wire.script = [w.answer(w.message(model=long, stop_reason=long), request_id=long)]

    completion = client.complete(completion_request()).completion

    for said in (completion.model, completion.stop_reason, completion.request_id):
        assert 0 < len(said) <= 100


def test_the_id_of_a_refusal_is_short_too(wire: Wire, client: BlockingClient) -> None:
    wire.script = [w.answer(w.error_body("api_error"), status=500, request_id="x" * 5_000)]

    error = failure(client)

    assert 0 < len(error.request_id or "") <= 100


@pytest.mark.parametrize("coding", ["identity", "gzip"])
def test_an_answer_without_end_is_not_read_to_its_end(
    wire: Wire, client: BlockingClient, coding: str
) -> None:
    body = json.dumps(w.message(content="x" * sdk.MAX_BODY_BYTES)).encode()
    payload = gzip.compress(body) if coding == "gzip" else body
    wire.script = [w.answer(payload, content_encoding=coding)]

    error = failure(client)

    assert isinstance(error, UnreadableAnswer)
    assert error.possibly_billed


def test_a_compressed_answer_is_read(wire: Wire, client: BlockingClient) -> None:
    body = gzip.compress(json.dumps(w.message()).encode())
    wire.script = [w.answer(body, content_encoding="gzip")]

    assert client.complete(completion_request()).completion.text == '{"stories": []}'


def test_of_an_endless_error_page_the_status_counts(wire: Wire, client: BlockingClient) -> None:
    wire.script = [w.answer(b"x" * (sdk.MAX_BODY_BYTES + 1), status=500)]

    error = failure(client)

    assert isinstance(error, ServerFailed)
    assert error.http_status == 500


def test_a_coding_that_cannot_be_undone_is_unreadable_or_a_failed_connection(
    wire: Wire, client: BlockingClient
) -> None:
    wire.script = [w.answer(b"not gzip", content_encoding="gzip")]

    error = failure(client)

    assert error.effect is Effect.RETRY
    assert error.possibly_billed


@pytest.mark.parametrize("reply", [w.reset, w.reset_in_body, w.cut_body, w.hang_up])
def test_a_broken_connection_is_retried_and_possibly_billed(
    wire: Wire, client: BlockingClient, reply: w.Reply
) -> None:
    wire.script = [reply]

    error = failure(client)

    assert isinstance(error, ConnectionFailed)
    assert error.effect is Effect.RETRY
    assert error.possibly_billed
    assert len(wire.seen) == 1


@pytest.mark.parametrize("reply", [w.stall, w.drip])
def test_the_deadline_covers_the_whole_call(
    wire: Wire, make_client: ClientFactory, reply: w.Reply
) -> None:
    wire.script = [reply]
    client = make_client(timeout_s=0.3)

    started = time.perf_counter()
    error = failure(client)

    assert time.perf_counter() - started < 2
    assert isinstance(error, CallTimedOut)
    assert error.effect is Effect.RETRY
    assert error.possibly_billed


def test_nobody_listening_costs_nothing(make_client: ClientFactory) -> None:
    error = failure(make_client(base_url="http://127.0.0.1:9"))

    assert isinstance(error, ConnectionFailed)
    assert not error.possibly_billed


def test_a_host_that_does_not_exist_costs_nothing(make_client: ClientFactory) -> None:
    error = failure(make_client(base_url="http://provider.invalid"))

    assert isinstance(error, ConnectionFailed)
    assert not error.possibly_billed


@pytest.mark.parametrize(
    "base_url", ["ftp://127.0.0.1/", "127.0.0.1:80", "http://", "http://[::1", "http://a:b:c"]
)
def test_an_address_that_is_none_fails_the_run(make_client: ClientFactory, base_url: str) -> None:
    error = failure(make_client(base_url=base_url))

    assert isinstance(error, AddressWrong)
    assert error.effect is Effect.FAIL_RUN


def test_a_redirect_is_not_followed(wire: Wire, client: BlockingClient) -> None:
    wire.script = [w.answer("", status=307, location=f"{wire.url}/elsewhere")]

    error = failure(client)

    assert isinstance(error, BlockedBeforeApi)
    assert "a redirect to 127.0.0.1" in error.message
    assert len(wire.seen) == 1


def test_a_rate_limit_carries_the_wait_and_the_limits(wire: Wire, client: BlockingClient) -> None:
    body = w.error_body("rate_limit_error", "slow down")
    wire.script = [w.answer(body, status=429, retry_after="7")]

    error = failure(client)

    assert isinstance(error, RateLimited)
    assert error.effect is Effect.WAIT
    assert error.retry_after_s == 7
    assert error.http_status == 429
    assert error.request_id == "req_01"
    assert error.limits is not None
    assert error.limits.output_tokens is not None
    assert error.limits.output_tokens.remaining == 999
    assert not error.possibly_billed
    assert len(wire.seen) == 1  # the SDK would have asked three times


def test_the_providers_own_failure_is_not_billed_a_gateways_page_may_be(
    wire: Wire, client: BlockingClient
) -> None:
    wire.script = [
        w.answer(w.error_body("api_error"), status=500),
        w.answer("<html>Bad Gateway</html>", status=502, content_type="text/html"),
        w.answer(w.error_body("overloaded_error"), status=529),
    ]

    own, gateway, overloaded = failure(client), failure(client), failure(client)

    assert (type(own), own.possibly_billed) == (ServerFailed, False)
    assert (type(gateway), gateway.possibly_billed) == (ServerFailed, True)
    assert (type(overloaded), overloaded.possibly_billed) == (Overloaded, False)
    assert 'answered HTTP 502: "Bad Gateway"' in gateway.message
    assert len(wire.seen) == 3


def test_half_a_surrogate_pair_fails_the_epic_and_not_the_run(client: BlockingClient) -> None:
    error = failure(client, user="broken \ud83d text")

    assert isinstance(error, RequestRejected)


async def _cancelled(*calls: "asyncio.Task[Answer]") -> None:
    for call in calls:
        call.cancel()
    await asyncio.wait(calls)
    assert all(call.cancelled() for call in calls)


@pytest.mark.parametrize("reply", [w.stall, w.drip])
def test_a_cancelled_call_ends_at_once_and_leaves_the_server(
    wire: Wire, client: BlockingClient, reply: w.Reply
) -> None:
    wire.script = [reply]

    async def call_and_leave() -> float:
        call = asyncio.create_task(client.client.ask(completion_request()))
        await until(lambda: len(wire.seen) == 1)
        await asyncio.sleep(0.1)  # some of what drips has arrived
        started = time.perf_counter()
        await _cancelled(call)
        took_s = time.perf_counter() - started
        await until(lambda: wire.open == 0)
        return took_s

    assert client.run(call_and_leave()) < 0.5
    wire.script = [w.answer(w.message())]
    assert client.complete(completion_request()).completion.text


def test_a_call_cancelled_before_it_began_is_never_sent(wire: Wire, client: BlockingClient) -> None:
    async def begin_and_leave() -> None:
        calls = [asyncio.create_task(client.client.ask(completion_request())) for _ in range(20)]
        await _cancelled(*calls)

    client.run(begin_and_leave())

    assert client.complete(completion_request()).completion.text
    assert len(wire.seen) == 1


def test_whoever_waits_for_a_connection_may_leave(wire: Wire, make_client: ClientFactory) -> None:
    wire.script = [w.stall, w.answer(w.message())]
    client = make_client(max_connections=1)

    async def wait_and_leave() -> Answer:
        first, waiting, last = (
            asyncio.create_task(client.client.ask(completion_request())) for _ in range(3)
        )
        await until(lambda: len(wire.seen) == 1)
        await _cancelled(waiting)
        await _cancelled(first)
        return await last

    assert client.run(wait_and_leave()).completion.text
    assert len(wire.seen) == 2


def test_more_calls_than_connections_take_turns(wire: Wire, make_client: ClientFactory) -> None:
    client = make_client(max_connections=4)

    async def ask_all() -> int:
        calls = [client.client.ask(completion_request()) for _ in range(200)]
        return len(await asyncio.gather(*calls))

    assert client.run(ask_all()) == len(wire.seen) == 200
    assert wire.most_open == 4


def test_a_call_without_a_free_connection_waits_and_was_not_sent(
    wire: Wire, make_client: ClientFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "QUEUE_WAIT_S", 0.1)
    wire.script = [w.stall]
    client = make_client(max_connections=1)

    async def ask_twice() -> ProviderError:
        first = asyncio.create_task(client.client.ask(completion_request()))
        await until(lambda: len(wire.seen) == 1)
        with pytest.raises(ProviderError) as caught:
            await client.client.ask(completion_request())
        await _cancelled(first)
        return caught.value

    error = client.run(ask_twice())

    assert isinstance(error, QueueFull)
    assert error.effect is Effect.WAIT
    assert not error.possibly_billed
    assert len(wire.seen) == 1


def test_close_ends_the_calls_within_a_second(wire: Wire, make_client: ClientFactory) -> None:
    wire.script = [w.stall]
    client = make_client(max_connections=5)

    async def close_meanwhile() -> float:
        calls = [asyncio.create_task(client.client.ask(completion_request())) for _ in range(9)]
        await until(lambda: len(wire.seen) == 5)
        started = time.perf_counter()
        await client.client.close()
        took_s = time.perf_counter() - started
        for call in calls:
            with pytest.raises(CallAborted):
                await call
        await until(lambda: wire.open == 0)
        return took_s

    assert client.run(close_meanwhile()) < 1
    assert len(wire.seen) == 5
    with pytest.raises(CallAborted):
        client.complete(completion_request())  # and it may be closed twice


def test_no_call_begins_once_close_has_begun(wire: Wire, make_client: ClientFactory) -> None:
    wire.script = [w.stall]
    client = make_client(max_connections=1)

    async def free_a_connection_and_close() -> None:
        first, waiting = (
            asyncio.create_task(client.client.ask(completion_request())) for _ in range(2)
        )
        await until(lambda: len(wire.seen) == 1)
        first.cancel()
        await asyncio.sleep(0)  # its connection is free, and nobody has it yet
        await client.client.close()
        with pytest.raises(CallAborted):
            await waiting

    client.run(free_a_connection_and_close())

    assert len(wire.seen) == 1


def test_a_server_that_closed_an_idle_connection_is_called_again(
    wire: Wire, client: BlockingClient
) -> None:
    async def answer_and_close(reader: object, writer: object) -> None:
        await w.answer(w.message())(reader, writer)  # type: ignore[arg-type]  # a Reply's own
        writer.close()  # type: ignore[attr-defined]  # a StreamWriter

    wire.script = [answer_and_close]

    async def ask_and_pause() -> None:
        for _ in range(3):
            assert (await client.client.ask(completion_request())).completion.text
            await asyncio.sleep(0.05)

    client.run(ask_and_pause())


@pytest.mark.parametrize("api_key", ["", "sk-ant-1\n", "sk ant", "schlüssel"])
def test_a_key_that_cannot_be_sent_is_refused_without_showing_it(api_key: str) -> None:
    with pytest.raises(ValueError, match="ANTHROPIC_API_KEY") as caught:
        ProviderClient(api_key=api_key, base_url=None, timeout_s=1, max_connections=1)

    assert not api_key or api_key.strip() not in str(caught.value)


@pytest.mark.parametrize(("timeout_s", "max_connections"), [(0, 1), (-1, 1), (1, 0)])
def test_senseless_settings_are_refused(timeout_s: float, max_connections: int) -> None:
    with pytest.raises(ValueError, match="greater than 0"):
        ProviderClient(
            api_key="k", base_url=None, timeout_s=timeout_s, max_connections=max_connections
        )


PROGRAM = """
import asyncio, sys
from providers.values import CompletionRequest, TextBlock
from providers.anthropic.client import ProviderClient

client = ProviderClient(api_key="k", base_url=sys.argv[1], timeout_s=5, max_connections=2)
request = CompletionRequest(
    model="m", max_tokens=9, system=(TextBlock(text="s"),), user="u", schema={}, marker="1",
    purpose="generate",
)

async def work():
    await client.open()
    await client.ask(request)
    call = asyncio.create_task(client.ask(request))
    await asyncio.sleep(0.2)
    await client.close()
    await asyncio.gather(call, return_exceptions=True)

asyncio.run(work())
"""


def test_a_process_that_ends_stays_quiet(wire: Wire) -> None:
    wire.script = [w.answer(w.message()), w.stall]
    done = subprocess.run(
        # Not -X dev: it also reports callbacks that a busy machine made slow.
        [sys.executable, "-W", "error", "-c", PROGRAM, wire.url],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert len(wire.seen) == 2


_FEW_FILES = """
import asyncio, resource, sys
from providers.anthropic.client import OTHER_DESCRIPTORS
resource.setrlimit(resource.RLIMIT_NOFILE, (64, OTHER_DESCRIPTORS + 2))
from tests.unit.providers.conftest import completion_request
from providers.anthropic.client import ProviderClient

async def work():
    client = ProviderClient(api_key="k", base_url=sys.argv[1], timeout_s=9, max_connections=9000)
    await client.open()
    await asyncio.gather(*(client.ask(completion_request()) for _ in range(20)))
    await client.close()

asyncio.run(work())
"""


def test_a_process_that_may_open_few_files_says_so_and_calls_take_turns(wire: Wire) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _FEW_FILES, wire.url],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert done.returncode == 0
    assert "enough for 2 calls at the same time and not for 9000" in done.stderr
    assert (len(wire.seen), wire.most_open) == (20, 2)
