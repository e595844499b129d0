"""The provider's key, asked of by a call that costs nothing."""

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from tests.conftest import Simulator

Doctor = Callable[..., dict[str, dict[str, Any]]]


@pytest.fixture
def provider(simulator: Simulator, settings: Any) -> Simulator:
    simulator.reset()
    settings.ANTHROPIC_BASE_URL = simulator.url
    settings.ANTHROPIC_API_KEY = "sk-ant-of-a-test"
    return simulator


def levels(found: dict[str, dict[str, Any]]) -> dict[str, str]:
    return {code: each["level"] for code, each in found.items()}


def test_a_key_that_is_good(provider: Simulator, doctor: Doctor) -> None:
    assert levels(doctor("provider")) == {"PROVIDER_KEY": "ok"}
    assert provider.stats()["calls"] == []


def test_no_key(provider: Simulator, doctor: Doctor, settings: Any) -> None:
    settings.ANTHROPIC_API_KEY = ""
    assert levels(doctor("provider")) == {"PROVIDER_KEY_MISSING": "error"}


def test_a_model_that_nobody_knows(provider: Simulator, doctor: Doctor, settings: Any) -> None:
    settings.MODEL = "claude-nobody"
    assert levels(doctor("provider")) == {"MODEL_UNKNOWN": "error"}


def test_nobody_there(provider: Simulator, doctor: Doctor, settings: Any) -> None:
    settings.ANTHROPIC_BASE_URL = "http://127.0.0.1:9"
    assert levels(doctor("provider")) == {"PROVIDER_UNREACHABLE": "error"}


class _Answering(BaseHTTPRequestHandler):
    """Says the same to everybody."""

    status, body = 404, b"<html>Not Found</html>"

    def do_GET(self) -> None:
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@pytest.fixture
def gateway(provider: Simulator, settings: Any) -> Iterator[type[_Answering]]:
    """Something else that answers for the provider."""

    class Mine(_Answering):
        """This test's."""

    listening = HTTPServer(("127.0.0.1", 0), Mine)
    thread = threading.Thread(target=listening.serve_forever)
    thread.start()
    settings.ANTHROPIC_BASE_URL = f"http://127.0.0.1:{listening.server_port}"
    yield Mine
    listening.shutdown()
    thread.join()
    listening.server_close()


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (404, b"<html>Not Found</html>", {"PROVIDER_NOT_CHECKED": "warning"}),
        (403, b"<html>Blocked by the proxy</html>", {"BLOCKED_BEFORE_API": "error"}),
        (
            401,
            b'{"type":"error","error":{"type":"authentication_error","message":"invalid"}}',
            {"KEY_REJECTED": "error"},
        ),
        (
            429,
            b'{"type":"error","error":{"type":"rate_limit_error","message":"slow down"}}',
            {"RATE_LIMITED": "warning"},
        ),
        (
            529,
            b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}',
            {"PROVIDER_OVERLOADED": "warning"},
        ),
    ],
)
def test_what_else_may_be_answered(
    status: int,
    body: bytes,
    expected: dict[str, str],
    gateway: type[_Answering],
    doctor: Doctor,
) -> None:
    gateway.status, gateway.body = status, body
    assert levels(doctor("provider")) == expected
