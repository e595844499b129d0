"""Batches over a real socket: what is sent, what is believed, and who is told the key."""

import asyncio
import json
import tracemalloc
from collections.abc import Coroutine, Iterable, Iterator
from contextlib import aclosing
from typing import Any

import pytest

from providers import errors
from providers.anthropic import batches as anthropic_batches
from providers.anthropic.batch_wire import batch_state
from providers.anthropic.client import ProviderClient
from providers.batches import BatchResult, BatchState, Outcome
from providers.errors import CallAborted, ProviderError
from providers.values import CacheFor
from tests.blocking_client import BlockingClient
from tests.unit.providers import wire as w
from tests.unit.providers.batch_client import BatchClient, read_into, requests
from tests.unit.providers.conftest import ClientFactory
from tests.unit.providers.wire import Reply, Wire

ID = "msgbatch_01"
PATH = f"/v1/messages/batches/{ID}"


def batch(**changes: Any) -> dict[str, Any]:
    """A batch as the provider tells of it."""
    return {
        "id": ID,
        "type": "message_batch",
        "processing_status": "in_progress",
        "request_counts": {
            "processing": 2,
            "succeeded": 0,
            "errored": 0,
            "canceled": 0,
            "expired": 0,
        },
        "created_at": "2026-11-26T10:00:00Z",
        "ended_at": None,
        "expires_at": "2026-11-27T10:00:00Z",
        "archived_at": None,
        "cancel_initiated_at": None,
        "results_url": None,
    } | changes


def line(custom_id: str, result: dict[str, Any] | None = None) -> bytes:
    """A line of results; by default of an answer."""
    told = {"type": "succeeded", "message": w.message()} if result is None else result
    return json.dumps({"custom_id": custom_id, "result": told}).encode() + b"\n"


def file(*lines: bytes) -> Reply:
    return w.answer(b"".join(lines), content_type="application/x-jsonl")


def until_the_end(*pieces: bytes) -> Reply:
    """An answer that says nothing of its length and ends with the connection."""

    async def reply(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 X\r\nconnection: close\r\n\r\n")
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        writer.close()

    return reply


def ended(results_url: str | None = None) -> BatchState:
    state = batch_state(batch(processing_status="ended", results_url=results_url))
    assert state is not None
    return state


@pytest.fixture
def batches(client: BlockingClient) -> BatchClient:
    return BatchClient(client)


def ids(results: Iterable[BatchResult]) -> list[str]:
    return [result.custom_id for result in results]


# ---------- handing in


def test_it_hands_in_what_calls_would_send(wire: Wire, batches: BatchClient) -> None:
    wire.script = [w.answer(batch())]

    state = batches.run("create", requests("a1", "b-2", user="“Ünï”", cache_for=CacheFor.ONE_HOUR))

    [seen] = wire.seen
    assert seen.line == "POST /v1/messages/batches HTTP/1.1"
    assert seen.headers["authorization"] == "bearer sk-ant-test-1234567890"
    assert seen.headers["content-type"] == "application/json"
    assert seen.headers["x-stainless-retry-count"] == "0"
    assert [one["custom_id"] for one in seen.body["requests"]] == ["a1", "b-2"]
    params = seen.body["requests"][0]["params"]
    assert params["messages"] == [{"role": "user", "content": "“Ünï”"}]
    assert params["system"][1]["cache_control"] == {"type": "ephemeral", "ttl": "1h"}
    assert set(params) == {
        *("model", "max_tokens", "system", "messages", "output_config", "metadata"),
    }
    assert (state.provider_id, state.status, state.counts.processing) == (ID, "in_progress", 2)
    assert state.counts.total == 2


def test_a_large_batch_arrives_whole(wire: Wire, batches: BatchClient) -> None:
    wire.script = [w.answer(batch())]

    batches.run("create", requests(*(f"c{n}" for n in range(100)), user="ü" * 100_000))

    sent = wire.seen[0].body["requests"]
    assert [one["custom_id"] for one in sent] == [f"c{n}" for n in range(100)]
    assert sent[99]["params"]["messages"][0]["content"] == "ü" * 100_000


def test_what_is_too_large_is_not_sent(
    wire: Wire, batches: BatchClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(anthropic_batches, "MAX_BATCH_BYTES", 1_000)

    error = batches.failure("create", requests("a", user="x" * 1_000))

    assert type(error) is errors.RequestTooLarge
    assert not error.possibly_billed
    assert wire.seen == []


def refusal(status: int, error_type: str) -> Reply:
    return w.answer(w.error_body(error_type), status=status)


@pytest.mark.parametrize(
    ("reply", "kind", "possibly_created"),
    [
        (refusal(400, "invalid_request_error"), errors.RequestRejected, False),
        (refusal(401, "authentication_error"), errors.KeyRejected, False),
        (refusal(413, "request_too_large"), errors.RequestTooLarge, False),
        (refusal(429, "rate_limit_error"), errors.RateLimited, False),
        (refusal(529, "overloaded_error"), errors.Overloaded, False),
        (refusal(404, "not_found_error"), errors.BatchesUnavailable, False),
        (w.answer("<html>", status=404), errors.BatchesUnavailable, False),
        (w.answer("no", status=405), errors.BatchesUnavailable, False),
        (w.answer({"detail": "no"}, status=501), errors.BatchesUnavailable, False),
        (w.answer("", status=302, location="/login"), errors.BlockedBeforeApi, False),
        (refusal(500, "api_error"), errors.ServerFailed, True),
        (refusal(504, "timeout_error"), errors.ServerFailed, True),
        (refusal(409, "conflict_error"), errors.ServerFailed, True),
        (w.answer("<html>Bad gateway", status=502), errors.ServerFailed, True),
        (w.answer("{}"), errors.UnreadableAnswer, True),
        (w.answer("<html>Sign in", content_type="text/html"), errors.BlockedBeforeApi, False),
        (w.answer(batch(id="")), errors.UnreadableAnswer, True),
        (w.answer(w.error_body("overloaded_error")), errors.Overloaded, True),
        (w.reset, errors.ConnectionFailed, True),
        (w.hang_up, errors.ConnectionFailed, True),
        (w.reset_in_body, errors.ConnectionFailed, True),
        (w.cut_body, errors.ConnectionFailed, True),
        (w.stall, errors.CallTimedOut, True),
    ],
)
def test_a_batch_that_may_have_been_made_is_told_from_one_that_was_not(
    wire: Wire,
    batches: BatchClient,
    monkeypatch: pytest.MonkeyPatch,
    reply: Reply,
    kind: type[ProviderError],
    *,
    possibly_created: bool,
) -> None:
    monkeypatch.setattr(anthropic_batches, "CREATE_S", 0.5)
    wire.script = [reply]

    error = batches.failure("create", requests("a"))

    assert type(error) is kind
    assert error.possibly_billed is possibly_created
    assert len(wire.seen) == 1


def test_a_batch_that_could_not_leave_was_not_made(make_client: ClientFactory) -> None:
    client = BatchClient(make_client(base_url="http://127.0.0.1:1"))

    error = client.failure("create", requests("a"))

    assert type(error) is errors.ConnectionFailed
    assert not error.possibly_billed


# ---------- listing, asking, cancelling


def test_it_lists_the_newest(wire: Wire, batches: BatchClient) -> None:
    rows = [batch(id="b3"), {"id": 7}, None, batch(id="b2")]
    wire.script = [w.answer({"data": rows, "has_more": True})]

    states = batches.run("newest", limit=20, before="b4")

    assert [state.provider_id for state in states] == ["b3", "b2"]
    assert wire.seen[0].line == "GET /v1/messages/batches?limit=20&after_id=b4 HTTP/1.1"
    batches.run("newest")
    assert wire.seen[1].line == "GET /v1/messages/batches?limit=100 HTTP/1.1"


@pytest.mark.parametrize("body", ["[]", "{}", '{"data": {}}', "x"])
def test_a_list_that_is_none_is_unreadable(wire: Wire, batches: BatchClient, body: str) -> None:
    wire.script = [w.answer(body)]

    assert type(batches.failure("newest")) is errors.UnreadableAnswer


def test_it_asks_for_one_and_for_its_end(wire: Wire, batches: BatchClient) -> None:
    wire.script = [w.answer(batch()), w.answer(batch(processing_status="canceling"))]

    assert batches.run("get", ID).status == "in_progress"
    assert batches.run("cancel", "a/b?c").status == "canceling"

    assert [seen.line for seen in wire.seen] == [
        f"GET {PATH} HTTP/1.1",
        "POST /v1/messages/batches/a%2Fb%3Fc/cancel HTTP/1.1",
    ]


@pytest.mark.parametrize("call", ["get", "cancel"])
@pytest.mark.parametrize("reply", [refusal(404, "not_found_error"), w.answer("<p>", status=404)])
def test_a_batch_that_is_not_found_may_be_too_new(
    wire: Wire, batches: BatchClient, call: str, reply: Reply
) -> None:
    wire.script = [reply]

    error = batches.failure(call, ID)

    assert type(error) is errors.BatchNotFound
    assert error.effect is errors.Effect.RETRY
    assert "ANTHROPIC_API_KEY" in error.message


# ---------- results


def test_results_come_in_any_order_with_all_that_may_become_of_a_call(
    wire: Wire, batches: BatchClient
) -> None:
    refused = {"type": "error", "error": {"type": "invalid_request_error", "message": "No."}}
    wire.script = [
        file(
            line("d", {"type": "expired"}),
            line("b", {"type": "errored", "error": refused}),
            b"\n",
            line("a"),
            line("c", {"type": "canceled"}).rstrip(),
        )
    ]

    results, error = batches.results(ended())

    assert error is None
    assert [(result.custom_id, result.outcome) for result in results] == [
        ("d", Outcome.EXPIRED),
        ("b", Outcome.ERRORED),
        ("a", Outcome.SUCCEEDED),
        ("c", Outcome.CANCELED),
    ]
    assert results[2].completion is not None
    assert results[2].completion.text == '{"stories": []}'
    assert results[2].completion.request_id == "msg_01"
    assert type(results[1].error) is errors.RequestRejected
    assert results[1].error.message.endswith('The provider says: "No."')
    assert wire.seen[0].line == f"GET {PATH}/results HTTP/1.1"


def test_a_wrong_line_costs_its_call_alone(wire: Wire, batches: BatchClient) -> None:
    wire.script = [
        file(
            line("a"),
            b'{"custom_id": "cut", "result": {"type": "succ\n',
            b"\xff\xfe nonsense\n",
            b'{"custom_id": ["no"], "result": {}}\n',
            b"[]\n" + b"null\n" + b"[" * 100_000 + b"\n",
            b'{"custom_id": "half"}\n',
            b'{"custom_id": "long", "x": "' + b"x" * 4_000_001 + b'"}\n',
            line("z"),
            b'{"custom_id": "last", "res',
        )
    ]

    results, error = batches.results(ended())

    assert error is None
    assert ids(results) == ["a", "cut", "half", "long", "z", "last"]
    for result in (results[1], results[2], results[3], results[5]):
        assert type(result.error) is errors.UnreadableAnswer
        assert result.error.possibly_billed


@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_lines_are_the_same_however_they_arrive(
    wire: Wire, batches: BatchClient, size: int
) -> None:
    body = b"".join(line(f"c{n}") for n in range(20))
    wire.script = [until_the_end(*(body[at : at + size] for at in range(0, len(body), size)))]

    results, error = batches.results(ended())

    assert (ids(results), error) == ([f"c{n}" for n in range(20)], None)


async def cut_in_a_line(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(w.head(200, {}, 100_000) + line("a") + line("b")[:20])
    await writer.drain()
    writer.close()


async def silent_in_a_line(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(w.head(200, {}, 100_000) + line("a") + line("b")[:20])
    await reader.read()


@pytest.mark.parametrize(
    "reply", [cut_in_a_line, silent_in_a_line, until_the_end(line("a"), line("b")[:20])]
)
def test_results_that_break_off_say_so_and_are_read_again(
    wire: Wire, batches: BatchClient, monkeypatch: pytest.MonkeyPatch, reply: Reply
) -> None:
    monkeypatch.setattr(anthropic_batches, "SILENCE_S", 0.3)
    wire.script = [reply, file(line("b"), line("a"))]

    results, error = batches.results(ended())
    again, no_error = batches.results(ended())

    assert ids(results) == ["a"]
    assert type(error) is errors.BatchResultsCut
    assert (ids(again), no_error) == (["b", "a"], None)


def test_results_that_are_not_there_yet_are_not_found(wire: Wire, batches: BatchClient) -> None:
    wire.script = [refusal(404, "not_found_error")]

    results, error = batches.results(ended())

    assert results == []
    assert type(error) is errors.BatchNotFound


@pytest.mark.parametrize(
    "reply",
    [
        w.answer("<html>\n<p>Sign in\n", content_type="text/html"),
        w.answer(w.error_body("api_error")),
    ],
)
def test_a_page_is_no_file_of_results(wire: Wire, batches: BatchClient, reply: Reply) -> None:
    wire.script = [reply]

    results, error = batches.results(ended())

    assert results == []
    assert type(error) is errors.UnreadableAnswer


# ---------- whose address it is


@pytest.mark.parametrize(
    ("base", "told", "asked"),
    [
        ("", None, f"{PATH}/results"),
        ("", f"{PATH}/results", f"{PATH}/results"),
        ("", "/files/7?sign=a", "/files/7?sign=a"),
        ("", "OWN/files/7", "/files/7"),
        ("", "OWN" + PATH + "/results", f"{PATH}/results"),
        ("", f"{ID}/results", f"{PATH}/results"),
        ("", f"https://api.anthropic.com{PATH}/results", f"{PATH}/results"),
        ("/gate", f"{PATH}/results", f"/gate{PATH}/results"),
        ("/gate", f"/gate{PATH}/results", f"/gate{PATH}/results"),
        ("/gate", f"http://inner.local:8080{PATH}/results", f"/gate{PATH}/results"),
    ],
)
def test_results_are_asked_for_where_the_provider_is_reached(
    wire: Wire, make_client: ClientFactory, base: str, told: str | None, asked: str
) -> None:
    wire.script = [file(line("a"))]
    client = BatchClient(make_client(base_url=wire.url + base))

    results, error = client.results(ended(told and told.replace("OWN", wire.url)))

    assert (ids(results), error) == (["a"], None)
    assert wire.seen[0].line == f"GET {asked} HTTP/1.1"
    assert wire.seen[0].headers["authorization"] == "bearer sk-ant-test-1234567890"


@pytest.fixture
def elsewhere() -> Iterator[Wire]:
    server = Wire()
    yield server
    server.close()


def test_nobody_else_is_told_the_key(
    wire: Wire, elsewhere: Wire, batches: BatchClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_CUSTOM_HEADERS", "x-own: secret")
    elsewhere.script = [file(line("a"))]

    results, error = batches.results(ended(f"{elsewhere.url}/bucket/7?signature=x"))

    assert (ids(results), error) == (["a"], None)
    assert wire.seen == []
    [seen] = elsewhere.seen
    assert seen.line == "GET /bucket/7?signature=x HTTP/1.1"
    assert set(seen.headers) <= {
        *("host", "accept", "accept-encoding", "connection", "user-agent"),
    }


def test_no_redirect_is_followed(wire: Wire, elsewhere: Wire, batches: BatchClient) -> None:
    wire.script = [w.answer("", status=307, location=f"{elsewhere.url}/x")]

    results, error = batches.results(ended())

    assert results == []
    assert type(error) is errors.BlockedBeforeApi
    assert elsewhere.seen == []


def test_nor_is_one_from_elsewhere(wire: Wire, elsewhere: Wire, batches: BatchClient) -> None:
    elsewhere.script = [w.answer("", status=302, location=f"{wire.url}{PATH}/results")]

    results, error = batches.results(ended(f"{elsewhere.url}/bucket/7"))

    assert results == []
    assert type(error) is errors.BlockedBeforeApi
    assert wire.seen == []


@pytest.mark.parametrize("told", ["file:///etc/passwd", "http://[::1", "ftp://x/y"])
def test_what_is_no_address_is_refused(wire: Wire, batches: BatchClient, told: str) -> None:
    results, error = batches.results(ended(told))

    assert results == []
    assert type(error) is errors.UnreadableAnswer
    assert wire.seen == []


# ---------- size, and the end


@pytest.mark.slow
def test_results_are_streamed_in_flat_memory(wire: Wire, batches: BatchClient) -> None:
    one = line("a", {"type": "succeeded", "message": w.message(content="x" * 50_000)})
    wire.script = [until_the_end(*(one for _ in range(1_000)))]

    async def read() -> tuple[int, int]:
        count = 0
        tracemalloc.start()
        try:
            async for _ in batches.batches().results(ended()):
                count += 1
            return count, tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    count, peak_bytes = batches.blocking.run(read())

    assert count == 1_000  # 50 MB
    assert peak_bytes < 5_000_000


def test_whoever_stops_reading_frees_the_connection(wire: Wire, batches: BatchClient) -> None:
    wire.script = [until_the_end(*(line(f"c{n}") for n in range(10_000)))]

    async def first() -> str:
        async with aclosing(batches.batches().results(ended())) as results:
            async for result in results:
                return result.custom_id
        return ""

    assert batches.blocking.run(first()) == "c0"
    assert ids(batches.results(ended())[0])[-1] == "c9999"
    assert wire.open <= 1


@pytest.mark.parametrize("reply", [w.stall, silent_in_a_line])
@pytest.mark.parametrize("call", ["create", "results"])
def test_closing_the_client_aborts_what_is_under_way(wire: Wire, call: str, reply: Reply) -> None:
    wire.script = [reply]

    async def closed() -> None:
        client = ProviderClient(api_key="k", base_url=wire.url, timeout_s=5, max_connections=1)
        await client.open()
        if call == "create":
            work: Coroutine[Any, Any, Any] = client.batches.create(requests("a"))
        else:
            work = read_into([], client.batches.results(ended()))
        task = asyncio.create_task(work)
        while not wire.seen:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        await client.close()
        with pytest.raises(CallAborted):
            await task
        with pytest.raises(CallAborted):
            await client.batches.newest()

    asyncio.run(closed())
