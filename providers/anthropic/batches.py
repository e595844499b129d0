"""Message Batches: handed in once, listed, cancelled, and their results streamed."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from functools import cached_property, partial
from typing import TypeVar
from urllib.parse import quote

import anthropic
import httpx2

from providers.anthropic.batch_wire import batch_body, batch_result, batch_state
from providers.anthropic.calls import Calls
from providers.anthropic.line_splitter import LineSplitter
from providers.anthropic.results_source import results_source
from providers.anthropic.sdk import (
    MAX_BODY_BYTES,
    get,
    get_stream,
    http_client,
    post,
    post_pieces,
)
from providers.anthropic.translate import refusal_of
from providers.anthropic.wire import loaded
from providers.batches import BatchRequest, BatchResult, BatchState
from providers.errors import (
    BatchesUnavailable,
    BatchNotFound,
    BatchResultsCut,
    CallTimedOut,
    ConnectionFailed,
    ProviderError,
    RequestTooLarge,
    ServerFailed,
    UnreadableAnswer,
)

log = logging.getLogger(__name__)

T = TypeVar("T")

PATH = "/v1/messages/batches"
#: Bytes of a batch that is handed in; the provider takes four times as many, slow lines do not.
MAX_BATCH_BYTES = 64_000_000
#: Bytes of a batch's results: no batch of that size can have more.
MAX_RESULTS_BYTES = 8_000_000_000
#: Seconds until a batch is handed in, and until anything else is answered. The first is well below
#: what a batch that nobody finds is waited for: BATCHGEN_BATCH_LOST_S.
CREATE_S = 300.0
ANSWER_S = 60.0
#: Seconds without a byte after which results count as cut.
SILENCE_S = 60.0
#: Results that may be streamed at the same time.
DOWNLOADS = 4
#: Statuses that say that nobody is there, or not for this.
_NO_SUCH_ADDRESS = frozenset({404, 405, 501})


class AnthropicBatches:
    """See `providers.batches.Batches`."""

    def __init__(self, sdk: anthropic.AsyncAnthropic, calls: Calls) -> None:
        """`sdk` is open, and `calls` are all of those that are made with it."""
        self._sdk = sdk
        self._calls = calls

    async def create(self, requests: Sequence[BatchRequest]) -> BatchState:
        """Hand in a batch; see `Batches.create`."""
        try:
            return await self._made(
                partial(self._create, requests), missing=BatchesUnavailable, within_s=CREATE_S
            )
        except ServerFailed as error:
            # How far it came before it failed is not known, whatever it says.
            error.possibly_billed = True
            raise

    async def newest(self, *, limit: int = 100, before: str | None = None) -> list[BatchState]:
        """One page of the list; see `Batches.newest`."""
        params = {"limit": limit} | ({"after_id": before} if before else {})
        return await self._made(partial(self._list, params), missing=BatchesUnavailable)

    async def get(self, provider_id: str) -> BatchState:
        """One batch; see `Batches.get`."""
        asked = partial(get, self._sdk, _path(provider_id), {})
        return await self._made(partial(_state, asked), missing=BatchNotFound)

    async def cancel(self, provider_id: str) -> BatchState:
        """Ask for its end; see `Batches.cancel`."""
        asked = partial(post, self._sdk, f"{_path(provider_id)}/cancel")
        return await self._made(partial(_state, asked), missing=BatchNotFound)

    async def results(self, state: BatchState) -> AsyncGenerator[BatchResult, None]:
        """What became of its calls; see `Batches.results`."""
        response = await self._made(partial(self._file, state), missing=BatchNotFound)
        tally = _Tally(state.provider_id)
        try:
            async with aclosing(self._lines(response)) as lines:
                async for line in lines:
                    if result := tally.result(line):
                        yield result
        finally:
            await response.aclose()
            tally.close()
        tally.refuse_none()

    async def close(self) -> None:
        """Close what results were streamed with."""
        if "_downloads" in vars(self):
            await self._downloads.aclose()

    async def _create(self, requests: Sequence[BatchRequest]) -> BatchState:
        # Up to 0.3 s of work, which the loop has no time for.
        pieces = await asyncio.to_thread(batch_body, requests)
        if sum(map(len, pieces)) > MAX_BATCH_BYTES:
            raise RequestTooLarge
        return await _state(partial(post_pieces, self._sdk, PATH, pieces))

    async def _list(self, params: Mapping[str, object]) -> list[BatchState]:
        response = await get(self._sdk, PATH, params)
        told = loaded(response.content)
        rows = told.get("data") if isinstance(told, dict) else None
        if not isinstance(rows, list):
            raise _unreadable(response)
        states = [state for row in rows if (state := batch_state(row))]
        if len(states) < len(rows):
            log.warning(
                "%s of %s listed batches cannot be read", len(rows) - len(states), len(rows)
            )
        return states

    async def _file(self, state: BatchState) -> httpx2.Response:
        source = results_source(self._sdk.base_url, _path(state.provider_id), state)
        if source.ours:
            return await get_stream(self._sdk.copy(http_client=self._downloads), source.address)
        request = self._downloads.build_request("GET", source.address)
        response = await self._downloads.send(request, stream=True)
        if response.is_success:
            return response
        await response.aread()
        raise anthropic.APIStatusError("", response=response, body=response.text)

    async def _lines(self, response: httpx2.Response) -> AsyncGenerator[bytes, None]:
        splitter = LineSplitter(longest=MAX_BODY_BYTES)
        async with aclosing(response.aiter_bytes()) as chunks:
            while (chunk := await self._next(chunks)) is not None:
                for line in splitter.feed(chunk):
                    yield line
        rest = splitter.rest()
        if not _says_its_length(response) and rest.strip() and loaded(rest) is None:
            raise BatchResultsCut
        yield rest

    async def _next(self, chunks: AsyncGenerator[bytes, None]) -> bytes | None:
        try:
            return await self._calls.go_on(lambda: anext(chunks, None), within_s=SILENCE_S)
        except (CallTimedOut, ConnectionFailed) as error:
            raise error.retold(BatchResultsCut) from error.__cause__

    async def _made(
        self,
        call: Callable[[], Awaitable[T]],
        *,
        missing: type[ProviderError],
        within_s: float = ANSWER_S,
    ) -> T:
        """Make a call; `missing`: what a 404 means here."""
        try:
            return await self._calls.make(call, within_s=within_s)
        except ProviderError as error:
            if error.http_status not in _NO_SUCH_ADDRESS:
                raise
            error.possibly_billed = False
            kind = missing if error.http_status == 404 else BatchesUnavailable
            raise error.retold(kind) from error.__cause__

    @cached_property
    def _downloads(self) -> httpx2.AsyncClient:
        """Long answers are in nobody's way here; this has no key."""
        return http_client(
            str(self._sdk.base_url), max_connections=DOWNLOADS, answers_of=MAX_RESULTS_BYTES
        )


class _Tally:
    """How many lines named no call: these are left out, unless there are no others."""

    def __init__(self, provider_id: str) -> None:
        self._provider_id = provider_id
        self._named = self._unnamed = 0

    def result(self, line: bytes) -> BatchResult | None:
        """The result in a line."""
        result = batch_result(line)
        self._named += result is not None
        self._unnamed += result is None and not line.isspace() and line != b""
        return result

    def close(self) -> None:
        """Tell the log."""
        if self._unnamed:
            log.warning(
                "batch %s: %s lines of its results name no call and are left out",
                self._provider_id,
                self._unnamed,
            )

    def refuse_none(self) -> None:
        """Somebody's page is no file of results."""
        if self._unnamed and not self._named:
            raise UnreadableAnswer(detail="no line of the results names a call")


async def _state(call: Callable[[], Awaitable[httpx2.Response]]) -> BatchState:
    response = await call()
    state = batch_state(loaded(response.content))
    if state is None:
        raise _unreadable(response)
    return state


def _unreadable(response: httpx2.Response) -> ProviderError:
    refused = refusal_of(response)
    if refused is not None:
        return refused
    return UnreadableAnswer(
        possibly_billed=True,
        http_status=response.status_code,
        request_id=response.headers.get("request-id"),
    )


def _path(provider_id: str) -> str:
    return f"{PATH}/{quote(provider_id, safe='')}"


def _says_its_length(response: httpx2.Response) -> bool:
    """Whether an end that came too early is noticed by who carried it."""
    headers = response.headers
    return "content-length" in headers or "chunked" in headers.get("transfer-encoding", "")
