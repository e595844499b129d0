"""Clients that mean no good: connections that say something, and read next to nothing."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit

#: A head that never ends.
HALF_HEAD = "GET /api/v1/projects HTTP/1.1\r\nHost: 127.0.0.1\r\nX-"


def asking(path: str, token: str) -> str:
    """A whole head, signed in."""
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n\r\n"


@contextmanager
def opened(url: str, *texts: str) -> Iterator[list[socket.socket]]:
    """A connection for each text, which it says; none reads more than a little by itself."""
    with ExitStack() as stack:
        yield [stack.enter_context(_opened(url, text)) for text in texts]


def begun(clients: list[socket.socket]) -> list[int]:
    """The status of each one's answer, once they have its beginning."""
    return [int(client.recv(12).removeprefix(b"HTTP/1.1 ") or 0) for client in clients]


def _opened(url: str, text: str) -> socket.socket:
    address = urlsplit(url)
    client = socket.socket()
    client.settimeout(60)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect((address.hostname, address.port))
    client.sendall(text.encode())
    return client
