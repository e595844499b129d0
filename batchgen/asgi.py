"""The ASGI application that uvicorn serves."""

import asyncio
import atexit
import gc
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from typing import TYPE_CHECKING, Any

import django
from asgiref.sync import ThreadSensitiveContext, sync_to_async
from django.conf import settings
from django.core.handlers.asgi import ASGIHandler
from django.core.signals import request_started
from django.db import close_old_connections, reset_queries
from django.http import HttpRequest

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "batchgen.settings")

django.setup(set_prefix=False)

from batchgen.cross_checks import log_warnings  # noqa: E402 - these need Django to be set up
from batchgen.db.pools import limit_statements  # noqa: E402 - as above
from batchgen.db.postgresql.compatibility import IncompatibleServer, check_compatibility  # noqa: E402 - as above
from batchgen.http.body_limit import BodyLimit  # noqa: E402 - as above
from batchgen.http.probes import is_probe  # noqa: E402 - as above
from batchgen.http.proxies import Proxies  # noqa: E402 - as above
from batchgen.tracing import spans  # noqa: E402 - as above
from batchgen.web.turns import Clients, turns  # noqa: E402 - as above
from runs.live.asgi import EventStreams  # noqa: E402 - as above

if TYPE_CHECKING:
    from django.http.response import HttpResponseBase

#: More than the interpreter can use; a crowd that came at once should not leave a thread each.
_KEPT_THREADS = 8


class Handler(ASGIHandler):
    """Django with one thread a request, from the first middleware to the view and back. A request
    that waits for its client's turn has none yet.

    All of ours is synchronous. Left to itself, Django calls each middleware that could be
    asynchronous from the loop, and each of these its own part in the thread again: a dozen
    hand-overs a request.

    Some threads are kept for later requests. By default each request has a new one: to start it
    and wait for its end, and to make Django's database connection object anew in it, takes longer
    than a small read.
    """

    def __init__(self) -> None:
        super().__init__()
        #: One thread each, of requests that are over.
        self._idle: list[ThreadPoolExecutor] = []
        self._turns = turns()
        self._clients = Clients()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """One request, in a thread that no other uses meanwhile."""
        thread = self._idle.pop() if self._idle else ThreadPoolExecutor(1, "request")
        async with ThreadSensitiveContext(executor=thread):
            await super().__call__(scope, receive, send)
        # Nothing of the request runs any more: where it was broken off, that is not so sure.
        if len(self._idle) < _KEPT_THREADS:
            self._idle.append(thread)
        else:
            thread.shutdown(wait=False)

    def load_middleware(self, is_async: bool = False) -> None:
        """The chain as it stands under WSGI."""
        super().load_middleware(is_async=False)

    async def get_response_async(self, request: HttpRequest) -> "HttpResponseBase":
        """The chain's answer, from the request's thread, when it is the client's turn.

        Probes have no turns: where PostgreSQL lets all others wait, the process still is alive.
        """
        if is_probe(request):
            return await sync_to_async(self._answer)(request)
        async with self._turns.turn(self._clients.of(request)):
            answering = asyncio.ensure_future(sync_to_async(self._answer)(request))
            try:
                return await asyncio.shield(answering)
            except asyncio.CancelledError:
                # Nothing breaks a thread off: a client that hangs up keeps its turn until then.
                await asyncio.wait([answering])
                raise
            finally:
                self._clients.remember(request)

    def _answer(self, request: HttpRequest) -> "HttpResponseBase":
        """The answer, whole. Django would keep the database connection until the client has read
        the last of it; others wait for one."""
        try:
            return self.get_response(request)
        finally:
            close_old_connections()


log_warnings()
spans.start("web")
atexit.register(spans.stop)
limit_statements(seconds=settings.WEB_STATEMENT_TIMEOUT_S)
try:
    check_compatibility()
except IncompatibleServer as error:
    sys.exit(str(error))
application = Proxies(EventStreams(BodyLimit(Handler())))

# Each would take a thread for every request that has come, also for those that wait for their turn.
# `_answer` leaves no connection to close, and queries are not kept.
for receiver in (reset_queries, close_old_connections):
    request_started.disconnect(receiver)

# What every request needs is made now, and stays: a full collection that walks through it would
# hold up all requests for 0.1 s.
import_module(settings.ROOT_URLCONF)
gc.freeze()
