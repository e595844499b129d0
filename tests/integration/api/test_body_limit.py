"""Bodies that are too large, over real connections to uvicorn."""

import http.client
import json
import socket
from typing import Any

import pytest
from django.conf import settings as configured
from pytest_django.fixtures import Settings

PATH = "/api/v1/auth/token"


def answer_of(connection: http.client.HTTPConnection) -> tuple[int, Any]:
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())


def assert_refused(status: int, body: Any) -> None:
    assert (status, body["error"]["code"]) == (413, "PAYLOAD_TOO_LARGE")
    assert body["error"]["details"] == {"limitBytes": configured.MAX_BODY_BYTES}


def test_fifty_megabytes_with_a_length(port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("POST", PATH, b"x" * 50_000_000)
    assert_refused(*answer_of(connection))
    connection.close()


def test_fifty_megabytes_in_chunks(port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    chunks = iter([b"x" * 1_000_000] * 50)
    connection.request("POST", PATH, chunks, encode_chunked=True)
    assert_refused(*answer_of(connection))
    connection.close()


def test_a_client_that_asks_first_need_not_send(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        head = (
            f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 50000000\r\n"
            "Expect: 100-continue\r\n\r\n"
        )
        connection.sendall(head.encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 413")


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_within_the_limit_is_read(port: int, chunked: bool) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    text = b'{"username": ' + b" " * 1_900_000 + b'"a"}'
    body: Any = iter([text[:400_000], text[400_000:]]) if chunked else text
    headers = {"Content-Type": "application/json"}
    connection.request("POST", PATH, body, headers, encode_chunked=chunked)
    status, answer = answer_of(connection)
    assert (status, list(answer["error"]["details"])) == (400, ["password"])
    connection.close()


def test_a_body_that_trickles_in_is_given_up(port: int, settings: Settings) -> None:
    settings.BODY_TIMEOUT_S = 0.2
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        head = f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 50\r\n\r\n{{"
        connection.sendall(head.encode())
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        assert answer.status == 408
        assert json.loads(answer.read())["error"]["code"] == "REQUEST_TIMEOUT"


@pytest.mark.parametrize("chunked", [False, True])
def test_files_have_a_limit_of_their_own(port: int, settings: Settings, chunked: bool) -> None:
    settings.MAX_BODY_BYTES, settings.MAX_UPLOAD_BODY_BYTES = 1_000, 3_000
    path = "/api/v1/projects/01989f3e-5a1c-7b60-8d3f-2f6c1e0a9b47/uploads"
    for size, status in ((2_000, 401), (4_000, 413)):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        body: Any = iter([b"x" * size]) if chunked else b"x" * size
        connection.request("POST", path, body, encode_chunked=chunked)
        found, answer = answer_of(connection)
        assert found == status
        assert answer["error"]["details"] == ({"limitBytes": 3_000} if status == 413 else {})
        connection.close()
