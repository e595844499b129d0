"""What a connection may cost, over real ones to the protocol that the web process speaks."""

import http.client
import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from typing import Any

import pytest
from pytest_django.fixtures import Settings

GET = "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n"
POST = "POST /api/v1/auth/token HTTP/1.1\r\nHost: 127.0.0.1\r\n"


class Clients:
    """Opens connections, and closes them after the test."""

    def __init__(self, port: int, opened: ExitStack) -> None:
        self._port = port
        self._opened = opened

    def open(self, text: str = "") -> socket.socket:
        """One that says this."""
        client = socket.create_connection(("127.0.0.1", self._port), timeout=20)
        self._opened.enter_context(client)
        client.sendall(text.encode())
        return client

    def at_work(self) -> socket.socket:
        """One whose request is being read: ten bytes more are expected."""
        client = self.open(f"{POST}Content-Length: 10\r\nExpect: 100-continue\r\n\r\n")
        assert client.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        return client


@pytest.fixture
def clients(port: int) -> Iterator[Clients]:
    with ExitStack() as opened:
        yield Clients(port, opened)


def answer(client: socket.socket) -> tuple[int, Any]:
    """Status and body of the next one."""
    with closing(http.client.HTTPResponse(client)) as found:
        found.begin()
        return found.status, json.loads(found.read())


def healthy(client: socket.socket) -> bool:
    client.sendall(f"{GET}\r\n".encode())
    return answer(client)[0] == 200


def is_over(client: socket.socket) -> bool:
    """Whether the server ended it; waits for that."""
    with suppress(ConnectionError):
        while client.recv(65_536):
            pass
    return True


def is_open(client: socket.socket) -> bool:
    client.setblocking(False)
    try:
        return bool(client.recv(1))
    except BlockingIOError:
        return True
    except ConnectionError:
        return False
    finally:
        client.settimeout(20)


@pytest.mark.parametrize(
    "head",
    [
        f"{GET}X: {'x' * 40_000}",
        GET + "X: y\r\n" * 8_000,
        f"GET /healthz?{'x' * 40_000}",
        "\r\n" * 20_000,
        f"{POST}Transfer-Encoding: chunked\r\n\r\n1;{'x' * 40_000}",
        f"{POST}Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX: {'x' * 40_000}",
    ],
    ids=[
        "a value",
        "many headers",
        "an address",
        "empty lines",
        "a chunk's extension",
        "a trailer",
    ],
)
def test_what_is_no_body_has_a_most_length(clients: Clients, head: str) -> None:
    client = clients.open(head)
    status, body = answer(client)
    assert (status, body["error"]["code"]) == (431, "HEADERS_TOO_LARGE")
    assert body["error"]["details"] == {"limitBytes": 32_768}
    assert is_over(client)


def test_a_header_without_an_end_is_not_read_on(clients: Clients) -> None:
    client = clients.open(f"{GET}X: ")
    with pytest.raises(ConnectionError):  # noqa: PT012 - which of them meets it is chance
        for _ in range(100):
            client.sendall(b"x" * 1_000_000)


def test_a_head_of_the_most_length_is_taken(clients: Clients) -> None:
    client = clients.open(f"{GET}X: {'x' * (32_768 - len(GET) - 7)}\r\n\r\n")
    assert answer(client)[0] == 200
    assert healthy(client), "it goes on with the next request"


def test_bodies_do_not_count_as_heads(clients: Clients) -> None:
    body = json.dumps({"username": "x" * 200_000, "password": "y"})
    length = f"Content-Length: {len(body)}\r\nContent-Type: application/json\r\n\r\n"
    client = clients.open(POST + length + body)
    assert answer(client)[0] in {400, 401}
    assert healthy(client)


def test_a_trailer_is_no_header(clients: Clients) -> None:
    chunked = "Transfer-Encoding: chunked\r\nContent-Type: application/json\r\n\r\n"
    body = "2\r\n{}\r\n0\r\nContent-Encoding: gzip\r\n\r\n"
    assert answer(clients.open(POST + chunked + body))[0] == 400


def test_half_a_head_is_not_waited_for_for_ever(clients: Clients, settings: Settings) -> None:
    settings.HEAD_TIMEOUT_S = 0.3
    client = clients.open(GET)
    status, body = answer(client)
    assert (status, body["error"]["code"]) == (408, "REQUEST_TIMEOUT")
    assert is_over(client)


def test_a_head_that_trickles_in_has_the_same_time(clients: Clients, settings: Settings) -> None:
    settings.HEAD_TIMEOUT_S = 0.3
    client = clients.open(GET)
    with pytest.raises(ConnectionError):  # noqa: PT012 - the one after the close meets it
        for _ in range(100):
            client.sendall(b"X: y\r\n")
            time.sleep(0.05)


def test_silence_is_not_listened_to_for_ever(clients: Clients, settings: Settings) -> None:
    settings.HEAD_TIMEOUT_S = 0.3
    assert is_over(clients.open())


def test_a_second_half_head_is_not_waited_for_either(clients: Clients, settings: Settings) -> None:
    client = clients.open()
    settings.HEAD_TIMEOUT_S = 0.3
    assert healthy(client)
    client.sendall(GET.encode())
    assert answer(client)[0] == 408


def test_those_who_wait_give_way_and_those_at_work_do_not(
    clients: Clients, settings: Settings
) -> None:
    settings.CONNECTIONS_PER_ADDRESS = 10
    at_work = [clients.at_work() for _ in range(5)]
    waiting = [clients.open(GET if place % 2 else "") for place in range(30)]
    assert healthy(clients.open())
    assert [is_open(client) for client in at_work] == [True] * 5
    assert all(is_over(client) for client in waiting[:25])
    for client in at_work:
        client.sendall(b"1234567890")
        assert answer(client)[0] == 415


def test_where_all_are_at_work_the_next_is_told(clients: Clients, settings: Settings) -> None:
    settings.CONNECTIONS = 10
    at_work = [clients.at_work() for _ in range(10)]
    refused = clients.open()
    status, body = answer(refused)
    assert (status, body["error"]["code"]) == (503, "UNAVAILABLE")
    assert is_over(refused)
    at_work.pop().close()
    deadline = time.monotonic() + 20
    while not is_open(last := clients.open()):
        assert time.monotonic() < deadline
    assert healthy(last)


def test_more_requests_at_once_than_anybody_sends_end_the_connection(clients: Clients) -> None:
    assert is_over(clients.open(f"{GET}\r\n" * 100))


def test_what_is_not_http_is_told_so(clients: Clients) -> None:
    status, body = answer(clients.open("\x16\x03\x01\x02\x00 tls?\r\n\r\n"))
    assert (status, body["error"]["code"]) == (400, "VALIDATION_ERROR")
