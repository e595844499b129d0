"""Clients that mean no good."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit

import psutil
from django.contrib.auth.models import User

from tests.acceptance.live.web import Web


@contextmanager
def opened(web: Web, *texts: str) -> Iterator[list[socket.socket]]:
    """A connection for each text, which it says; none reads more than a little by itself."""
    with ExitStack() as stack:
        yield [stack.enter_context(_opened(web, text)) for text in texts]


def asking(web: Web, path: str, user: User | None = None) -> str:
    """A whole head, signed in."""
    sign_in = f"Authorization: Bearer {web.token(user)}"
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{sign_in}\r\n\r\n"


def begun(clients: list[socket.socket]) -> None:
    """Wait until each has the beginning of its answer."""
    for client in clients:
        assert client.recv(12) == b"HTTP/1.1 200"


def connections(web: Web) -> int:
    """How many the process has open with clients."""
    port = urlsplit(web.url).port
    found = psutil.Process(web.running.process.pid).net_connections("tcp")
    return sum(each.laddr.port == port and each.status != "LISTEN" for each in found)


def _opened(web: Web, text: str) -> socket.socket:
    address = urlsplit(web.url)
    client = socket.socket()
    client.settimeout(20)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect((address.hostname, address.port))
    client.sendall(text.encode())
    return client
