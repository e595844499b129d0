"""Clients that mean no good, of a web process that a test started."""

import socket
from contextlib import AbstractContextManager
from urllib.parse import urlsplit

import psutil
from django.contrib.auth.models import User

from benchmarks import attackers
from tests.acceptance.live.web import Web


def opened(web: Web, *texts: str) -> AbstractContextManager[list[socket.socket]]:
    """A connection for each text, which it says; none reads more than a little by itself."""
    return attackers.opened(web.url, *texts)


def asking(web: Web, path: str, user: User | None = None) -> str:
    """A whole head, signed in."""
    return attackers.asking(path, web.token(user))


def begun(clients: list[socket.socket]) -> None:
    """Wait until each has the beginning of its answer."""
    assert set(attackers.begun(clients)) == {200}


def connections(web: Web) -> int:
    """How many the process has open with clients."""
    port = urlsplit(web.url).port
    found = psutil.Process(web.running.process.pid).net_connections("tcp")
    return sum(each.laddr.port == port and each.status != "LISTEN" for each in found)
