"""The event loop in its thread, the SDK client on it, and one call's way through them."""

import asyncio
import os
import threading
import time
from collections.abc import AsyncIterator
from concurrent.futures import Future
from contextlib import aclosing, suppress
from dataclasses import dataclass

import anthropic
import httpx2
import uvloop

from providers.anthropic.rate_limit_headers import rate_limit_headers
from providers.anthropic.translate import refusal_of, translate
from providers.anthropic.wire import completion, message_arguments
from providers.cleaning import label
from providers.errors import CallAborted, CallTimedOut, QueueFull, UnreadableAnswer
from providers.values import Answer, CompletionRequest, TextBlock

#: Seconds until a TCP and TLS connection must stand.
CONNECT_TIMEOUT_S = 5.0
#: Seconds a call waits for a free connection of this process.
QUEUE_WAIT_S = 30.0
#: Seconds an idle connection is kept.
KEEPALIVE_S = 60.0
#: Seconds that closing may take before the thread is left to die with the process.
CLOSE_WAIT_S = 1.0

#: Bytes of a response's body that are read, decompressed: several times the longest answer.
MAX_BODY_BYTES = 4_000_000

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """Where and how calls are made; the key stays out of the repr."""

    api_key: str
    base_url: str | None
    timeout_s: float
    max_connections: int

    def __repr__(self) -> str:
        return f"Settings(base_url={self.base_url!r}, timeout_s={self.timeout_s})"


class Session:
    """One running event loop with one SDK client; belongs to the process that built it."""

    def __init__(self, settings: Settings) -> None:
        """Start the thread and wait until calls can be made.

        Raises:
            ProviderError: the SDK takes no such settings.
        """
        self.pid = os.getpid()
        self._settings = settings
        self._loop = uvloop.new_event_loop()
        self._stop = asyncio.Event()
        self._calls: dict[Future[Answer], asyncio.Task[Answer]] = {}
        ready: Future[None] = Future()
        self._thread = threading.Thread(
            target=self._run, args=(ready,), name="provider-loop", daemon=True
        )
        self._thread.start()
        ready.result()

    def submit(self, request: CompletionRequest, outcome: Future[Answer]) -> None:
        """Send `request` from any thread; `outcome` is set when it is done.

        Not to be called once `close()` has begun: nobody would set the outcome.
        """
        self._loop.call_soon_threadsafe(self._begin, request, outcome)

    def abort(self, outcome: Future[Answer]) -> None:
        """Give the call up from any thread; nothing happens to one that is done."""
        if not outcome.done():
            with suppress(RuntimeError):  # the loop has closed meanwhile, and ended the call
                self._loop.call_soon_threadsafe(self._cancel, outcome)

    def close(self) -> None:
        """Abort what is in flight, close the connections and end the thread."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(CLOSE_WAIT_S)

    # In the loop's thread from here on.

    def _run(self, ready: "Future[None]") -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve(ready))

    async def _serve(self, ready: "Future[None]") -> None:
        try:
            sdk = _sdk_client(self._settings)
            await _warm_up(sdk)
        except Exception as exc:  # whoever waits for the start must hear of it
            ready.set_exception(translate(exc))
            return
        async with sdk:
            self._create = sdk.messages.with_raw_response.create
            self._slots = asyncio.Semaphore(self._settings.max_connections)
            ready.set_result(None)
            await self._stop.wait()
            for task in self._calls.values():
                task.cancel()
            await asyncio.gather(*self._calls.values(), return_exceptions=True)

    def _begin(self, request: CompletionRequest, outcome: "Future[Answer]") -> None:
        task = self._loop.create_task(self._call(request))
        self._calls[outcome] = task
        task.add_done_callback(lambda done: self._settle(done, outcome))

    def _cancel(self, outcome: "Future[Answer]") -> None:
        task = self._calls.get(outcome)
        if task is not None:
            task.cancel()

    def _settle(self, task: "asyncio.Task[Answer]", outcome: "Future[Answer]") -> None:
        """Hand the outcome over; a task cancelled before its first step ends here too."""
        del self._calls[outcome]
        if task.cancelled():
            outcome.set_exception(CallAborted())
        elif (exc := task.exception()) is not None:
            outcome.set_exception(exc)
        else:
            outcome.set_result(task.result())

    async def _call(self, request: CompletionRequest) -> Answer:
        """The top rung: whatever goes wrong below leaves here as a ProviderError."""
        try:
            return await self._call_in_slot(request)
        except Exception as exc:
            error = translate(exc)
            if error is exc:
                raise
            raise error from exc

    async def _call_in_slot(self, request: CompletionRequest) -> Answer:
        """Wait here for a free connection, so that waiting is never taken for a slow provider."""
        try:
            async with asyncio.timeout(QUEUE_WAIT_S if self._slots.locked() else None):
                await self._slots.acquire()
        except TimeoutError as exc:
            raise QueueFull from exc
        try:
            return await self._call_in_time(request)
        finally:
            self._slots.release()

    async def _call_in_time(self, request: CompletionRequest) -> Answer:
        try:
            async with asyncio.timeout(self._settings.timeout_s):
                return await self._send_once(request)
        except TimeoutError as exc:
            raise CallTimedOut(possibly_billed=True) from exc

    async def _send_once(self, request: CompletionRequest) -> Answer:
        started = time.perf_counter()
        try:
            response = await self._create(**message_arguments(request))
        except anthropic.APIConnectionError as exc:
            if isinstance(exc.__cause__, UnreadableAnswer):  # raised while the body was read
                raise exc.__cause__ from exc
            raise
        latency_s = time.perf_counter() - started
        limits = rate_limit_headers(response.headers.raw)
        try:
            answer = completion(
                response.http_response.content,
                request_id=label(response.request_id),
                model=request.model,
            )
        except UnreadableAnswer as error:
            if refused := refusal_of(response.http_response):
                raise refused from error
            error.http_status, error.limits = response.status_code, limits
            raise
        return Answer(completion=answer, limits=limits, latency_s=latency_s)


async def _warm_up(sdk: anthropic.AsyncAnthropic) -> None:
    """Take one request through the SDK without a network.

    Its first one looks through all its types, which takes 0.1 s, or 0.7 s among busy threads: a
    claimed epic's call would begin that late.
    """
    in_memory = httpx2.MockTransport(lambda _: httpx2.Response(200, json={}))
    request = CompletionRequest(
        model="none",
        max_tokens=1,
        system=(TextBlock(text="", cache=True),),
        user="",
        schema={},
        marker="warm-up",
        purpose="generate",
    )
    async with httpx2.AsyncClient(transport=in_memory) as client:
        warmed = sdk.with_options(http_client=client)
        await warmed.messages.with_raw_response.create(**message_arguments(request))


def _sdk_client(settings: Settings) -> anthropic.AsyncAnthropic:
    """The SDK's client without its own retries, tracing, read timeout and redirects.

    Retries are ours, the deadline covers the whole call, and a redirected POST would be sent
    (and billed) again. A simulator on this machine is never reached through a proxy.
    """
    timeout = httpx2.Timeout(None, connect=CONNECT_TIMEOUT_S)
    limits = httpx2.Limits(
        max_connections=settings.max_connections,
        max_keepalive_connections=settings.max_connections,
        keepalive_expiry=KEEPALIVE_S,
    )
    return anthropic.AsyncAnthropic(
        api_key=settings.api_key,
        base_url=settings.base_url,
        max_retries=0,
        timeout=timeout,
        open_telemetry=False,
        http_client=anthropic.DefaultAioHttpClient(
            timeout=timeout,
            limits=limits,
            follow_redirects=False,
            trust_env=goes_by_proxy(settings.base_url),
            event_hooks={"response": [_bound_body]},
        ),
    )


def goes_by_proxy(base_url: str | None) -> bool:
    """Whether a proxy that the environment names is asked; a server on this machine never is."""
    return httpx2.URL(base_url or "").host not in _LOOPBACK


async def _bound_body(response: httpx2.Response) -> None:
    """Let nobody fill the memory: the body is read through a counter."""
    response.stream = _BoundedBody(response)
    response.headers.pop("content-encoding", None)  # undone there


class _BoundedBody(httpx2.AsyncByteStream):
    """A response's decoded body, as far as MAX_BODY_BYTES."""

    def __init__(self, response: httpx2.Response) -> None:
        self._is_answer = response.is_success
        self._whole = httpx2.Response(
            response.status_code, headers=response.headers, stream=response.stream
        )

    async def __aiter__(self) -> AsyncIterator[bytes]:
        left = MAX_BODY_BYTES
        async with aclosing(self._whole.aiter_bytes()) as chunks:
            async for chunk in chunks:
                if len(chunk) > left:
                    if self._is_answer:
                        raise UnreadableAnswer(possibly_billed=True)
                    return  # of an error page the beginning will do
                left -= len(chunk)
                yield chunk

    async def aclose(self) -> None:
        await self._whole.aclose()
