"""The provider client: calls are coroutines of whoever makes them, each with one deadline."""

import asyncio
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import anthropic

from batchgen.descriptors import descriptors_allow
from providers.anthropic.rate_limit_headers import rate_limit_headers
from providers.anthropic.sdk import message_post, sdk_client
from providers.anthropic.translate import refusal_of, translate
from providers.anthropic.wire import completion, message_body
from providers.cleaning import label
from providers.errors import CallAborted, CallTimedOut, QueueFull, UnreadableAnswer
from providers.values import Answer, CompletionRequest

log = logging.getLogger(__name__)

#: Seconds a call waits for a free connection of this process.
QUEUE_WAIT_S = 30.0
#: Seconds that the calls in flight have to end when the client is closed.
CLOSE_WAIT_S = 1.0
#: Descriptors that a process needs for what are no calls: servers, files, imports.
OTHER_DESCRIPTORS = 256


class ProviderClient:
    """One loop's client: any number of its coroutines may ask at the same time.

    Answers are not streamed: with our caps (2,000 to 8,000 tokens) they take seconds to two
    minutes, the deadline covers the whole call, and TCP keep-alive holds quiet connections. Caps
    of tens of thousands of tokens would need the SDK's `stream()`.
    """

    def __init__(
        self, *, api_key: str, base_url: str | None, timeout_s: float, max_connections: int
    ) -> None:
        """Make a client; nothing is opened yet.

        Args:
            base_url: None for the provider's own address.
            timeout_s: the deadline of a whole call, from connecting to the last byte.
            max_connections: calls at the same time; further ones wait.

        Raises:
            ValueError: a value that no call could succeed with.
        """
        if not api_key or not api_key.isascii() or any(c.isspace() for c in api_key):
            raise ValueError("ANTHROPIC_API_KEY must be ASCII text without spaces or line breaks.")
        if timeout_s <= 0 or max_connections < 1:
            raise ValueError("timeout_s and max_connections must be greater than 0.")
        self._api_key = api_key
        self._base_url = base_url or None
        self._timeout_s = timeout_s
        self._max_connections = max_connections
        self._sdk: anthropic.AsyncAnthropic | None = None
        self._slots = asyncio.Semaphore(0)
        self._closed = False
        #: Of each call that waits or is under way, when it ends at the latest.
        self._deadlines: set[asyncio.Timeout] = set()
        self._idle = asyncio.Event()

    async def open(self) -> None:
        """Build what calls need, 30 ms of work, in the loop that will make them.

        Raises:
            ProviderError: the SDK takes no such settings.
        """
        connections = _connections(self._max_connections)
        self._slots = asyncio.Semaphore(connections)
        try:
            self._sdk = sdk_client(
                api_key=self._api_key, base_url=self._base_url, max_connections=connections
            )
        except Exception as exc:
            raise translate(exc) from exc

    async def ask(self, request: CompletionRequest) -> Answer:
        """Send a request and wait for its answer; see `Provider.ask`."""
        if self._sdk is None:
            raise RuntimeError("The provider client is not open.")
        # Waiting for a connection is never taken for a slow provider.
        sent = False
        try:
            async with asyncio.timeout(QUEUE_WAIT_S) as deadline:
                with self._listed(deadline):
                    async with self._slots:
                        if self._closed:
                            raise CallAborted
                        sent = True
                        deadline.reschedule(asyncio.get_running_loop().time() + self._timeout_s)
                        return await self._send(self._sdk, request)
        except TimeoutError as exc:
            if self._closed:
                raise CallAborted from exc
            raise (CallTimedOut(possibly_billed=True) if sent else QueueFull()) from exc

    async def close(self) -> None:
        """Abort the calls that wait or are under way; safe to call twice."""
        self._closed = True
        for deadline in self._deadlines:
            if not deadline.expired():
                deadline.reschedule(0)
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_WAIT_S):
                while self._deadlines:
                    self._idle.clear()
                    await self._idle.wait()
                if self._sdk is not None:
                    await self._sdk.close()

    @contextmanager
    def _listed(self, deadline: asyncio.Timeout) -> Iterator[None]:
        """What `close()` finds."""
        self._deadlines.add(deadline)
        try:
            yield
        finally:
            self._deadlines.discard(deadline)
            if not self._deadlines:
                self._idle.set()

    async def _send(self, sdk: anthropic.AsyncAnthropic, request: CompletionRequest) -> Answer:
        """The top rung: whatever goes wrong below leaves here as a ProviderError."""
        try:
            return await self._send_once(sdk, request)
        except Exception as exc:
            error = translate(exc)
            if error is exc:
                raise
            raise error from exc

    async def _send_once(self, sdk: anthropic.AsyncAnthropic, request: CompletionRequest) -> Answer:
        started = time.perf_counter()
        try:
            response = await message_post(sdk, message_body(request))
        except anthropic.APIConnectionError as exc:
            if isinstance(exc.__cause__, UnreadableAnswer):  # raised while the body was read
                raise exc.__cause__ from exc
            raise
        latency_s = time.perf_counter() - started
        limits = rate_limit_headers(response.headers.raw)
        try:
            answer = completion(
                response.content,
                request_id=label(response.headers.get("request-id")),
                request=request,
            )
        except UnreadableAnswer as error:
            if refused := refusal_of(response):
                raise refused from error
            error.http_status, error.limits = response.status_code, limits
            raise
        return Answer(completion=answer, limits=limits, latency_s=latency_s)


def _connections(wanted: int) -> int:
    """How many of these connections the process may have open beside all else."""
    possible = descriptors_allow(wanted + OTHER_DESCRIPTORS) - OTHER_DESCRIPTORS
    if possible >= wanted:
        return wanted
    connections = max(possible, 1)
    log.warning(
        "This process may open %s files (ulimit -Hn), which is enough for %s calls at the same"
        " time and not for %s: the others wait. Raise the limit, or start more workers.",
        possible + OTHER_DESCRIPTORS,
        connections,
        wanted,
    )
    return connections
