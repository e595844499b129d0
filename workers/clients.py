"""This worker's way to each provider that its runs name."""

import asyncio
from collections.abc import Callable

from batchgen.db.in_thread import in_thread
from content.registry import kind_named
from providers.errors import ProviderError, ProviderUnknown
from providers.provider import Provider


class Clients:
    """A client a provider, opened when it is first asked for. Of one loop."""

    def __init__(self, connect: Callable[[str], Provider]) -> None:
        """`connect` makes the client of a provider's name; see `ProviderAccount.connect`."""
        self._connect = connect
        self._clients: dict[str, asyncio.Task[Provider]] = {}

    async def of(self, provider: str) -> Provider:
        """The provider's client; whoever asks first opens it, and the others wait for that.

        Raises:
            ProviderError: no call can succeed: it is unknown, or its settings will not do.
            Exception: there is none: what connecting, or importing an SDK for it, raised. Who asks
                after that tries once more.
        """
        client = self._clients.get(provider)
        if client is None:
            client = asyncio.ensure_future(self._open(provider))
            self._clients[provider] = client
        elif client.done() and client.exception() is None:
            return client.result()
        return await asyncio.shield(client)

    async def for_call(self, kind: str, provider: str) -> Provider | ProviderError | None:
        """Who answers an item's calls, or why nobody can; None where its kind makes no calls."""
        if not kind_named(kind).uses_provider:
            return None
        try:
            return await self.of(provider)
        except ProviderError as error:
            return error

    async def _open(self, provider: str) -> Provider:
        try:
            made = await in_thread(self._connect, provider)
            await made.open()
        except KeyError as unknown:
            del self._clients[provider]
            raise ProviderUnknown from unknown
        except BaseException:
            del self._clients[provider]
            raise
        return made

    async def close(self) -> None:
        """Close those that are open, or are being opened."""
        for client in list(self._clients.values()):
            await asyncio.wait([client])
            if not client.cancelled() and client.exception() is None:
                await client.result().close()
