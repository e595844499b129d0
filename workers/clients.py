"""This worker's way to each provider that its runs name."""

import threading
from collections.abc import Callable
from concurrent.futures import Future

from providers.provider import Provider


class Clients:
    """A client a provider, opened when it is first asked for; any thread may ask."""

    def __init__(self, connect: Callable[[str], Provider]) -> None:
        """`connect` makes the client of a provider's name; see `ProviderAccount.connect`."""
        self._connect = connect
        self._lock = threading.Lock()
        self._clients: dict[str, Future[Provider]] = {}

    def of(self, provider: str) -> Provider:
        """The provider's client; whoever asks first opens it, and the others wait for that.

        Raises:
            Exception: there is none: what connecting, or importing an SDK for it, raised. Who asks
                after that tries once more.
        """
        with self._lock:
            client = self._clients.get(provider)
            if opens := client is None:
                client = self._clients[provider] = Future()
        if opens:
            self._open(provider, client)
        return client.result()

    def _open(self, provider: str, client: "Future[Provider]") -> None:
        try:
            made = self._connect(provider)
            made.open()
        except Exception as error:  # whoever waits for the client must hear of it
            with self._lock:
                del self._clients[provider]
            client.set_exception(error)
        else:
            client.set_result(made)

    def close(self) -> None:
        """Close those that are open, or are being opened."""
        with self._lock:
            clients = list(self._clients.values())
        for client in clients:
            if client.exception() is None:
                client.result().close()
