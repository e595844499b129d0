"""The SDK's client as we want it: transport, calls, and how much of an answer is read."""

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing, contextmanager
from functools import partial
from typing import TYPE_CHECKING

import anthropic
import anthropic.types.shared.error_details  # the SDK would import it at the first error
import httpx2

from providers.errors import UnreadableAnswer

if TYPE_CHECKING:
    from anthropic._types import RequestOptions

#: Seconds until a TCP and TLS connection must stand. Thousands that are opened at once take the
#: loop a millisecond each: with 5 s, a burst of 5,000 calls failed.
CONNECT_TIMEOUT_S = 20.0
#: Seconds an idle connection is kept.
KEEPALIVE_S = 60.0
#: Bytes of a response's body that are read, decompressed: several times the longest answer.
MAX_BODY_BYTES = 4_000_000

_TIMEOUT = httpx2.Timeout(None, connect=CONNECT_TIMEOUT_S)
_AS_A_FILE: "RequestOptions" = {"headers": {"accept": "application/binary"}}
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def sdk_client(
    *, api_key: str, base_url: str | None, max_connections: int
) -> anthropic.AsyncAnthropic:
    """The SDK's client without its own retries, tracing, read timeout and redirects.

    Retries are ours, the deadline covers the whole call, and a redirected POST would be sent
    (and billed) again.
    """
    return anthropic.AsyncAnthropic(
        api_key=api_key,
        base_url=base_url,
        max_retries=0,
        timeout=_TIMEOUT,
        open_telemetry=False,
        http_client=http_client(
            base_url, max_connections=max_connections, answers_of=MAX_BODY_BYTES
        ),
    )


def blocking_sdk(*, api_key: str, base_url: str | None, timeout_s: float) -> anthropic.Anthropic:
    """The same for a question or two of who is in no loop."""
    timeout = httpx2.Timeout(timeout_s)
    return anthropic.Anthropic(
        api_key=api_key,
        base_url=base_url,
        max_retries=0,
        timeout=timeout,
        open_telemetry=False,
        http_client=anthropic.DefaultHttpxClient(
            timeout=timeout, follow_redirects=False, trust_env=goes_by_proxy(base_url)
        ),
    )


def http_client(
    base_url: str | None, *, max_connections: int, answers_of: int
) -> httpx2.AsyncClient:
    """A transport, which knows no key. A server on this machine is never reached through a proxy.

    Args:
        answers_of: bytes of an answer at most; refusals are cut at MAX_BODY_BYTES.
    """
    return anthropic.DefaultAioHttpClient(
        timeout=_TIMEOUT,
        limits=httpx2.Limits(
            max_connections=max_connections,
            max_keepalive_connections=max_connections,
            keepalive_expiry=KEEPALIVE_S,
        ),
        follow_redirects=False,
        trust_env=goes_by_proxy(base_url),
        event_hooks={"response": [partial(_bound_body, answers_of=answers_of)]},
    )


async def post(
    sdk: anthropic.AsyncAnthropic, path: str, body: bytes | None = None
) -> httpx2.Response:
    """Post a body of JSON, and return the answer where it is a success.

    Not by `messages.create`: that copies each body's tree and looks through all its types, which
    takes a third of a call's time, and 0.1 s at the first one.

    Raises:
        anthropic.AnthropicError: there is none.
        UnreadableAnswer: it is too long.
    """
    with _as_raised():
        return await sdk.post(path, content=body, cast_to=httpx2.Response)


async def post_pieces(
    sdk: anthropic.AsyncAnthropic, path: str, pieces: Sequence[bytes]
) -> httpx2.Response:
    """The same for a large body, of which a piece is handed on when the one before has left."""
    headers = {"content-length": str(sum(map(len, pieces))), "content-type": "application/json"}
    with _as_raised():
        return await sdk.post(
            path,
            content=_one_by_one(pieces),
            cast_to=httpx2.Response,
            options={"headers": headers},
        )


async def get(
    sdk: anthropic.AsyncAnthropic, path: str, params: Mapping[str, object]
) -> httpx2.Response:
    """The same for what is only read."""
    with _as_raised():
        return await sdk.get(path, cast_to=httpx2.Response, options={"params": params})


async def get_stream(sdk: anthropic.AsyncAnthropic, path: str) -> httpx2.Response:
    """The same, but the body is still to be read; by a client whose transport takes long ones."""
    return await sdk.get(path, cast_to=httpx2.Response, options=_AS_A_FILE, stream=True)


async def _one_by_one(pieces: Iterable[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


@contextmanager
def _as_raised() -> Iterator[None]:
    """What was raised while a body was read leaves the SDK wrapped up."""
    try:
        yield
    except anthropic.APIConnectionError as exc:
        if isinstance(exc.__cause__, UnreadableAnswer):
            raise exc.__cause__ from exc
        raise


def goes_by_proxy(base_url: str | None) -> bool:
    """Whether a proxy that the environment names is asked; a server on this machine never is."""
    return httpx2.URL(base_url or "").host not in _LOOPBACK


async def _bound_body(response: httpx2.Response, *, answers_of: int) -> None:
    """Let nobody fill the memory: the body is read through a counter."""
    at_most = answers_of if response.is_success else MAX_BODY_BYTES
    response.stream = _BoundedBody(response, at_most=at_most)
    response.headers.pop("content-encoding", None)  # undone there


class _BoundedBody(httpx2.AsyncByteStream):
    """A response's decoded body, as far as it may go."""

    def __init__(self, response: httpx2.Response, *, at_most: int) -> None:
        self._is_answer = response.is_success
        self._at_most = at_most
        self._whole = httpx2.Response(
            response.status_code, headers=response.headers, stream=response.stream
        )

    async def __aiter__(self) -> AsyncIterator[bytes]:
        left = self._at_most
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
