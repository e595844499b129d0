"""The provider client: calls are coroutines of whoever makes them, each with one deadline."""

import asyncio
import logging
import time
from contextlib import suppress
from functools import cached_property

import anthropic

from batchgen.descriptors import descriptors_allow
from providers.anthropic.batches import AnthropicBatches
from providers.anthropic.calls import Calls
from providers.anthropic.rate_limit_headers import rate_limit_headers
from providers.anthropic.sdk import post, sdk_client
from providers.anthropic.translate import refusal_of, translate
from providers.anthropic.wire import completion, loaded, message_body
from providers.cleaning import label
from providers.errors import UnreadableAnswer
from providers.values import Answer, CompletionRequest

log = logging.getLogger(__name__)

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
        self._calls = Calls()

    async def open(self) -> None:
        """Build what calls need, 30 ms of work, in the loop that will make them.

        Raises:
            ProviderError: the SDK takes no such settings.
        """
        connections = _connections(self._max_connections)
        self._calls.open(connections)
        try:
            self._sdk = sdk_client(
                api_key=self._api_key, base_url=self._base_url, max_connections=connections
            )
        except Exception as exc:
            raise translate(exc) from exc

    async def ask(self, request: CompletionRequest) -> Answer:
        """Send a request and wait for its answer; see `Provider.ask`."""
        sdk = self._opened
        return await self._calls.make(lambda: _asked(sdk, request), within_s=self._timeout_s)

    @cached_property
    def batches(self) -> AnthropicBatches:
        """See `Provider.batches`."""
        return AnthropicBatches(self._opened, self._calls)

    async def close(self) -> None:
        """Abort the calls that wait or are under way; safe to call twice."""
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_WAIT_S):
                await self._calls.abort()
                if "batches" in vars(self):
                    await self.batches.close()
                if self._sdk is not None:
                    await self._sdk.close()

    @property
    def _opened(self) -> anthropic.AsyncAnthropic:
        if self._sdk is None:
            raise RuntimeError("The provider client is not open.")
        return self._sdk


async def _asked(sdk: anthropic.AsyncAnthropic, request: CompletionRequest) -> Answer:
    started = time.perf_counter()
    response = await post(sdk, "/v1/messages", message_body(request))
    latency_s = time.perf_counter() - started
    limits = rate_limit_headers(response.headers.raw)
    try:
        answer = completion(
            loaded(response.content),
            request_id=label(response.headers.get("request-id")),
            model=request.model,
            cache_for=request.cache_for,
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
