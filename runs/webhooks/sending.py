"""One attempt at a delivery: a POST to an address that was looked at, over a connection of its own.

The name is looked up once, each of its addresses has to be allowed, and the connection goes to one
of those very addresses: what the name server says a moment later changes nothing. TLS is asked for
the name. Redirects are answers like others, and not 2xx. Nothing of the answer is read beyond its
headers, which may be long in coming only as long as the whole attempt, so no receiver can hold
anything up by what it answers, or show us anything but a status.
"""

import asyncio
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from typing import Any

import httpcore2
from django.conf import settings

from runs.webhooks.addresses import Place, address_of, is_allowed, place_allowed, refusal
from runs.webhooks.deliveries import Answer

#: A name's addresses as text; raises OSError.
Resolve = Callable[[str, int], Sequence[str]]

#: Names that one process looks up at once: the system's resolver cannot be told to stop.
_LOOKUPS = threading.BoundedSemaphore(100)
_AGENT = "batchgen-webhooks"


class NotSent(Exception):
    """It cannot be delivered now; a sentence for the hook's owner."""


def resolve(host: str, port: int) -> Sequence[str]:
    """Each of the host's addresses, once, in the system's order.

    Raises:
        OSError: it has none.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(each[4][0]) for each in found))


class CheckedAddresses(httpcore2.AsyncNetworkBackend):
    """Connects to where webhooks may go, and nowhere else."""

    def __init__(self, lookup: Resolve = resolve) -> None:
        self._lookup = lookup
        self._network = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # as the library has it
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """A connection to the first of the host's addresses that takes one.

        Raises:
            NotSent: it has none, one that is not allowed, or none that answers.
        """
        for address in await self._addresses(host, port):
            try:
                return await self._network.connect_tcp(address, port, timeout)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                continue
        raise NotSent(f"Nobody takes a connection at {host}, port {port}.")

    async def _addresses(self, host: str, port: int) -> Sequence[str]:
        try:
            found = await _in_daemon(self._lookup, host, port)
        except (OSError, UnicodeError):
            found = ()
        if not found:
            raise NotSent(f"The name {host} was not found.")
        if not all(is_allowed(address_of(address)) for address in found):
            raise NotSent(refusal(host))
        return found


async def _in_daemon(lookup: Resolve, host: str, port: int) -> Sequence[str]:
    """Look it up in a thread that nobody has to wait for: a name server may take half a minute,
    and a pool's threads are waited for when the process ends."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Sequence[str]] = loop.create_future()

    def answer(found: Sequence[str] | None, error: Exception | None) -> None:
        if future.done():  # nobody waits any more
            return
        if error is None:
            future.set_result(found or ())
        else:
            future.set_exception(error)

    def look() -> None:
        found, failed = None, None
        try:
            found = lookup(host, port)
        except Exception as error:
            failed = error
        finally:
            _LOOKUPS.release()
        with suppress(RuntimeError):  # the loop is closed by now
            loop.call_soon_threadsafe(answer, found, failed)

    if not _LOOKUPS.acquire(blocking=False):
        raise NotSent("Too many names are being looked up; name servers do not answer.")
    threading.Thread(target=look, name="webhook-name", daemon=True).start()
    return await future


async def send(
    url: str, body: str, headers: Mapping[str, str], *, lookup: Resolve = resolve
) -> Answer:
    """What came of it; raises nothing that the receiver or the way there could cause."""
    began = time.monotonic()
    status, error = None, ""
    try:
        place = place_allowed(url)
        async with asyncio.timeout(settings.WEBHOOK_TIMEOUT_S):
            status = await _post(place, body, headers, lookup)
        error = "" if 200 <= status < 300 else f"The receiver answered {status}."
    except (ValueError, NotSent) as refused:
        error = str(refused)
    except (TimeoutError, httpcore2.TimeoutException):
        error = f"There was no answer within {settings.WEBHOOK_TIMEOUT_S:g} s."
    except httpcore2.ProtocolError:
        error = "The answer is no HTTP, or its headers are too long."
    except (httpcore2.NetworkError, ssl.SSLError, OSError) as failed:
        error = _network_text(failed)
    return Answer(
        status=status, error=error[:300], duration_ms=round((time.monotonic() - began) * 1000)
    )


async def _post(place: Place, body: str, headers: Mapping[str, str], lookup: Resolve) -> int:
    """The status of the answer."""
    url = httpcore2.URL(scheme=place.scheme, host=place.host, port=place.port, target=place.target)
    all_headers = [
        ("host", place.authority),
        ("content-type", "application/json"),
        ("user-agent", _AGENT),
        *headers.items(),
    ]
    async with (
        httpcore2.AsyncConnectionPool(
            ssl_context=_tls(), network_backend=CheckedAddresses(lookup), max_connections=1
        ) as connections,
        connections.stream("POST", url, headers=all_headers, content=body.encode()) as answer,
    ):
        return answer.status


@cache
def _tls() -> ssl.SSLContext:
    """Verifies by the system's authorities, or those that SSL_CERT_FILE names."""
    return ssl.create_default_context()


def _network_text(failed: Exception) -> str:
    cause: BaseException | None = failed
    while cause is not None and not isinstance(cause, ssl.SSLError):
        cause = cause.__cause__ or cause.__context__
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"The receiver's certificate was not accepted: {cause.verify_message}."
    if cause is not None:
        return "TLS could not be agreed on with the receiver."
    return "The connection was lost before an answer came."
