"""What goes over the wire first: nobody who listens there hears a password of a `rediss://` URL."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from batchgen.local.local_dir import ROOT

_PASSWORD = "s3cret-that-nobody-hears"
#: Each opens Redis as a process of ours does, and prints nothing that matters.
_CLIENTS = {
    "client": "from batchgen.redis.client import client; client().ping()",
    "loop": (
        "import asyncio\nfrom batchgen.redis.loop_client import loop_client\n"
        "async def ping(): await loop_client().ping()\n"
        "asyncio.run(ping())"
    ),
    "broker": (
        "from batchgen.celery import app\n"
        "with app.connection_for_write() as c: c.ensure_connection(max_retries=1, timeout=1)"
    ),
}
_START = "import django; django.setup()\n"


@pytest.fixture
def heard() -> Iterator[tuple[int, list[bytes]]]:
    """A listener that answers nothing: its port, and the first bytes of each connection."""
    first: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def listen() -> None:
            with suppress(OSError):
                while True:
                    stranger, _ = server.accept()
                    with stranger, suppress(OSError):
                        stranger.settimeout(5)
                        first.append(stranger.recv(4096))

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        yield server.getsockname()[1], first
        server.shutdown(socket.SHUT_RDWR)
        thread.join(timeout=5)


def _open(client: str, url: str) -> None:
    """Run one client in a process of its own, which fails: nobody answers it."""
    done = subprocess.run(
        [sys.executable, "-c", _START + _CLIENTS[client]],
        env={**os.environ, "REDIS_URL": url},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode != 0
    assert "ImproperlyConfigured" not in done.stderr, done.stderr


@pytest.mark.parametrize("client", _CLIENTS)
@pytest.mark.parametrize(
    "url",
    [
        "rediss://ada:{password}@127.0.0.1:{port}/0",
        "rediss://:{password}@127.0.0.1:{port}/0?ssl_cert_reqs=none",
        "rediss+sentinel://ada:{password}@127.0.0.1:{port}/mymaster/0?sentinel_password={password}",
    ],
)
def test_tls_begins_with_its_handshake(
    heard: tuple[int, list[bytes]], client: str, url: str
) -> None:
    port, first = heard
    _open(client, url.format(password=_PASSWORD, port=port))
    assert first
    for said in first:
        # A handshake record of TLS, whose message is a ClientHello.
        assert (said[0], said[1], said[5]) == (0x16, 0x03, 0x01), said[:40]
        assert _PASSWORD.encode() not in said


@pytest.mark.parametrize("client", _CLIENTS)
def test_without_tls_both_say_the_same(heard: tuple[int, list[bytes]], client: str) -> None:
    port, first = heard
    _open(client, f"redis://ada:p%40ss%2Fword@127.0.0.1:{port}/5?protocol=3")
    assert first[0].startswith(b"*")
    assert b"\r\nada\r\n" in first[0]
    assert b"\r\np@ss/word\r\n" in first[0]
