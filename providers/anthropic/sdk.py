"""The SDK's client as we want it: transport, calls, and how much of an answer is read."""

from collections.abc import AsyncIterator
from contextlib import aclosing

import anthropic
import httpx2

from providers.errors import UnreadableAnswer

#: Seconds until a TCP and TLS connection must stand. Thousands that are opened at once take the
#: loop a millisecond each: with 5 s, a burst of 5,000 calls failed.
CONNECT_TIMEOUT_S = 20.0
#: Seconds an idle connection is kept.
KEEPALIVE_S = 60.0
#: Bytes of a response's body that are read, decompressed: several times the longest answer.
MAX_BODY_BYTES = 4_000_000

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def sdk_client(
    *, api_key: str, base_url: str | None, max_connections: int
) -> anthropic.AsyncAnthropic:
    """The SDK's client without its own retries, tracing, read timeout and redirects.

    Retries are ours, the deadline covers the whole call, and a redirected POST would be sent
    (and billed) again. A simulator on this machine is never reached through a proxy.
    """
    timeout = httpx2.Timeout(None, connect=CONNECT_TIMEOUT_S)
    limits = httpx2.Limits(
        max_connections=max_connections,
        max_keepalive_connections=max_connections,
        keepalive_expiry=KEEPALIVE_S,
    )
    return anthropic.AsyncAnthropic(
        api_key=api_key,
        base_url=base_url,
        max_retries=0,
        timeout=timeout,
        open_telemetry=False,
        http_client=anthropic.DefaultAioHttpClient(
            timeout=timeout,
            limits=limits,
            follow_redirects=False,
            trust_env=goes_by_proxy(base_url),
            event_hooks={"response": [_bound_body]},
        ),
    )


async def message_post(sdk: anthropic.AsyncAnthropic, body: bytes) -> httpx2.Response:
    """Post a message's body, and return the answer where it is a success.

    Not by `messages.create`: that copies each body's tree and looks through all its types, which
    takes a third of a call's time, and 0.1 s at the first one.

    Raises:
        anthropic.AnthropicError: there is none.
    """
    return await sdk.post("/v1/messages", content=body, cast_to=httpx2.Response)


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
