"""Flower behind a sign-in, for known hosts, connected as REDIS_URL says.

Flower reads the broker's URL by rules of its own: no certificate of an authority named in it, one
Sentinel of several, no database of a Unix socket. Whoever reaches it may stop workers and send
tasks; left to itself it asks nobody who they are, and answers whatever name it is asked by.
"""

import asyncio
import hmac
import sys
from base64 import b64decode
from collections.abc import Iterable
from itertools import chain
from typing import Any

from django.conf import settings
from flower.app import Flower
from flower.options import options
from tornado.web import RequestHandler

from batchgen.http.hosts import is_internal_host
from batchgen.redis import client as redis
from batchgen.redis.task_message import queue_keys

_find_handler, _start_http_server = Flower.find_handler, Flower.start_http_server
#: Tells that it is up and no more, by whatever name a probe asks.
_PROBE = "/healthcheck"


def require_sign_in() -> None:
    """Have Flower ask every request for its host and its sign-in; it does not start without one.

    Celery's other programs load Flower too, and never serve it.
    """
    Flower.find_handler = find_handler
    Flower.start_http_server = start_http_server


def start_http_server(self: Any) -> Any:
    """Flower's own, where there is a sign-in: on the command line, in the variable or its file."""
    if settings.FLOWER_BASIC_AUTH and not options.basic_auth:
        options.basic_auth = settings.FLOWER_BASIC_AUTH.split(",")
    if not (options.basic_auth or options.auth):
        sys.exit("Flower can stop workers, so it wants a sign-in: FLOWER_BASIC_AUTH=USER:PASSWORD")
    # Results are in PostgreSQL, which Flower does not know; the admin shows them.
    self.capp.conf.result_backend = "disabled"
    return _start_http_server(self)


def find_handler(self: Any, request: Any, **kwargs: Any) -> Any:
    """Flower's own for whoever may ask; static files and metrics are asked for as all else."""
    probed = request.path == f"{_prefix()}{_PROBE}"
    if not probed and not is_internal_host(request.headers.get("Host", "")):
        return self.get_handler_delegate(request, Refusal, {"status": 400})
    if not probed and options.basic_auth and not is_signed_in(request):
        return self.get_handler_delegate(request, Refusal, {"status": 401})
    return _find_handler(self, request, **kwargs)


def is_signed_in(request: Any) -> bool:
    """Whether it brings one of FLOWER_BASIC_AUTH; Flower fails on what is not ASCII."""
    kind, _, given = request.headers.get("Authorization", "").partition(" ")
    try:
        credentials = b64decode(given.strip(), validate=True)
    except ValueError:
        return False
    known = (each.encode() for each in options.basic_auth)
    return kind.lower() == "basic" and any(hmac.compare_digest(credentials, k) for k in known)


def _prefix() -> str:
    return f"/{prefix}" if (prefix := (options.url_prefix or "").strip("/")) else ""


class Refusal(RequestHandler):
    """Says no to any method."""

    def initialize(self, status: int) -> None:
        self._status = status

    def prepare(self) -> None:
        self.set_status(self._status)
        if self._status == 401:
            self.set_header("WWW-Authenticate", 'Basic realm="flower", charset="UTF-8"')
        told = "Sign in." if self._status == 401 else "This host is not known here."
        self.finish(f"{told}\n")


class Broker:
    """In the place of Flower's, which is made of a URL."""

    def __init__(self, *_: object, **__: object) -> None:
        pass

    async def queues(self, names: Iterable[str]) -> list[dict[str, Any]]:
        """How many messages wait in each queue: `{name, messages}`; in that of items too, which
        Celery does not name, since workers read it by themselves.

        Raises:
            redis.RedisError: Redis is away.
        """
        return await asyncio.to_thread(_lengths, sorted({*names, settings.ITEM_QUEUE}))


def _lengths(names: list[str]) -> list[dict[str, Any]]:
    keys = {name: queue_keys(name) for name in names}
    pipeline = redis.client().pipeline(transaction=False)
    for each in chain.from_iterable(keys.values()):
        pipeline.llen(each)
    counts = iter(pipeline.execute())
    return [
        {"name": name, "messages": sum(next(counts) for _ in lists)} for name, lists in keys.items()
    ]
