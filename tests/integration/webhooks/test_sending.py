"""Where a webhook goes, and what it does not wait for: over real sockets on this machine."""

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_network
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from runs.webhooks import sending
from runs.webhooks.addresses import address_of, is_allowed, place_allowed
from runs.webhooks.deliveries import Answer
from runs.webhooks.sending import Resolve, resolve, send
from tests.certificates import certificates
from tests.integration.webhooks.receiver import receiving
from tests.tls_front import fronted


def sent(url: str, lookup: Resolve = resolve) -> Answer:
    return asyncio.run(send(url, "{}", {"webhook-id": "1"}, lookup=lookup))


@contextmanager
def talking(say: Callable[[socket.socket], None]) -> Iterator[int]:
    """The port of a server that reads a request and then does as it likes."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65_536)
                try:
                    say(connection)
                except OSError:
                    return

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        thread.join(10)


# Where to ---------------------------------------------------------------------------------------

#: What leads to this machine, to its network, or to nobody.
INSIDE = [
    *("127.0.0.1", "127.1.2.3", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1"),  # noqa: S104
    *("169.254.169.254", "100.64.0.1", "192.0.2.1", "198.18.0.1", "224.0.0.1", "240.0.0.1"),
    *("255.255.255.255", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fec0::1", "ff02::1"),
    *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::"),
    *("2001:0:1::", "64:ff9b:1::1", "2001:db8::1", "100::1"),
]


@pytest.mark.parametrize("address", INSIDE)
def test_no_address_inside_is_allowed(address: str, settings: Settings) -> None:
    settings.WEBHOOK_NETWORKS = []
    assert not is_allowed(address_of(address))
    if ":" in address and "%" not in address:
        with pytest.raises(ValueError, match="public internet"):
            place_allowed(f"https://[{address}]/")
    answer = sent("https://hooks.example.com/", lambda *_: ["93.184.215.14", address])
    assert "is not an address of the public internet" in answer.error


@pytest.mark.parametrize("address", ["93.184.215.14", "1.1.1.1", "2606:4700::1111"])
def test_public_addresses_are(address: str, settings: Settings) -> None:
    settings.WEBHOOK_NETWORKS = []
    assert is_allowed(address_of(address))


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("ftp://example.com/", "begins with https://"),
        ("http://example.com/", "BATCHGEN_WEBHOOK_HTTP"),
        ("//example.com/", "begins with https://"),
        ("https://user:word@example.com/", "user and the password"),
        ("https://example.com@127.0.0.1/", "user and the password"),
        ("https://example.com/#part", "begins with #"),
        ("https:///path", "no host"),
        ("https://exa mple.com/", "plain characters"),
        ("https://example.com/\r\nX-Header: 1", "plain characters"),
        ("https://example.com\\@127.0.0.1/", "plain characters"),
        ("https://bücher.example/", "punycode"),
        (f"https://example.com/{'a' * 2000}", "2,000"),
        ("https://example.com:22/", "port 22"),
        ("https://example.com:0/", "port"),
        ("https://example.com:99999/", "no URL"),
        ("https://[::1/", "no URL"),
        ("https://%31%32%37.0.0.1/", "no host"),
        ("https://localhost/", "public internet"),
        ("https://a.LOCALHOST./", "public internet"),
        ("https://127.1/", "public internet"),
        ("https://2130706433/", "public internet"),
        ("https://0x7f.0.0.1/", "public internet"),
        ("https://017700000001/", "public internet"),
        ("https://169.254.169.254/latest/meta-data/", "public internet"),
    ],
)
def test_what_no_webhook_may_be(url: str, said: str, settings: Settings) -> None:
    settings.WEBHOOK_HTTP, settings.WEBHOOK_NETWORKS = False, []
    settings.WEBHOOK_PORTS = [80, 443]
    with pytest.raises(ValueError, match=said):
        place_allowed(url)
    assert said in sent(url).error, "and nothing is sent there, whatever is stored"


def test_the_name_is_looked_up_once_and_the_connection_goes_to_what_was_looked_at() -> None:
    """A name server that says another thing a moment later leads nowhere."""
    asked: list[str] = []

    def turning(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["127.0.0.2"]

    with receiving() as receiver:
        answer = sent(f"http://rebinding.example:{receiver.port}/x?y=z", turning)
        assert (answer.status, answer.error, asked) == (204, "", ["rebinding.example"])
        assert receiver.came[0].headers["host"] == f"rebinding.example:{receiver.port}"
        again = sent(f"http://rebinding.example:{receiver.port}/", turning)
        assert (again.status, len(receiver.came)) == (None, 1)
        assert "public internet" in again.error


def test_tls_is_asked_for_the_name_and_verified(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = certificates(tmp_path, host="hooks.example.com")

    def asked(name: str) -> Answer:
        return sent(f"https://{name}.example.com:{port}/", lambda *_: ["127.0.0.1"])

    with receiving() as receiver, fronted(receiver.port, made) as port:
        assert "certificate was not accepted" in asked("hooks").error
        trusting = ssl.create_default_context(cafile=str(made.ca))
        monkeypatch.setattr(sending, "_tls", lambda: trusting)
        assert asked("hooks").status == 204
        assert "certificate was not accepted" in asked("other").error
        assert len(receiver.came) == 1


def test_a_redirect_is_not_followed() -> None:
    with receiving(lambda _: 302) as receiver:
        answer = sent(receiver.url)
        assert (answer.status, answer.error) == (302, "The receiver answered 302.")
        assert len(receiver.came) == 1


# What it does not wait for ----------------------------------------------------------------------

_HEAD = b"HTTP/1.1 200 OK\r\n"


def test_a_body_without_end_is_not_read() -> None:
    def endless(connection: socket.socket) -> None:
        connection.sendall(_HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        while True:
            connection.sendall(b"1000\r\n" + b"a" * 4096 + b"\r\n")

    with talking(endless) as port:
        assert sent(f"http://127.0.0.1:{port}/").status == 200


def test_headers_without_end_are_too_long() -> None:
    def endless(connection: socket.socket) -> None:
        connection.sendall(_HEAD)
        while True:
            connection.sendall(b"X-More: " + b"a" * 4096 + b"\r\n")

    with talking(endless) as port:
        answer = sent(f"http://127.0.0.1:{port}/")
        assert (answer.status, answer.error[:25]) == (None, "The answer is no HTTP, or")


@pytest.mark.parametrize("answer", [b"", b"SSH-2.0-OpenSSH_9.2\r\n"])
def test_what_is_no_http_is_an_error(answer: bytes) -> None:
    with talking(lambda connection: connection.sendall(answer)) as port:
        said = sent(f"http://127.0.0.1:{port}/")
        assert said.status is None
        assert said.error


def test_who_answers_too_slowly_is_given_up(settings: Settings) -> None:
    settings.WEBHOOK_TIMEOUT_S = 0.3
    over = threading.Event()

    def drip(connection: socket.socket) -> None:
        for byte in _HEAD * 100:
            connection.sendall(bytes([byte]))
            if over.wait(0.05):
                return

    with talking(drip) as port:
        assert sent(f"http://127.0.0.1:{port}/").error == "There was no answer within 0.3 s."
        over.set()
    # So is a name server that says nothing.
    asked = threading.Event()

    def silent(host: str, port: int) -> list[str]:
        asked.wait(10)
        return []

    assert sent("http://silent.example:80/", silent).error == "There was no answer within 0.3 s."
    asked.set()


def test_nobody_there_is_an_error_that_says_so(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert sent(f"http://127.0.0.1:{port}/").error == (
        f"Nobody takes a connection at 127.0.0.1, port {port}."
    )
    assert sent("http://x.example:80/", lambda *_: []).error == "The name x.example was not found."
    settings.WEBHOOK_NETWORKS = [ip_network("10.0.0.0/8")]
    assert "public internet" in sent(f"http://127.0.0.1:{port}/").error
