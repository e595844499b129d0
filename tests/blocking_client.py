"""A provider's client for tests that are no coroutines."""

from collections.abc import Coroutine
from contextlib import ExitStack
from typing import Any, TypeVar

from providers.provider import Provider
from providers.values import Answer, CompletionRequest
from tests.loops import running_loop

T = TypeVar("T")


class BlockingClient:
    """A client in a loop of its own, for code that is in none."""

    def __init__(self, client: Provider) -> None:
        """`client` is opened here with the first that it is asked for."""
        self.client = client
        self._until_closed = ExitStack()
        self._loop = self._until_closed.enter_context(running_loop())
        self._opened = False

    def complete(self, request: CompletionRequest) -> Answer:
        """Open the client where it is not, and ask it."""
        self._open()
        return self._loop.run(self.client.ask(request))

    def run(self, calls: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the client's loop."""
        self._open()
        return self._loop.run(calls)

    def close(self) -> None:
        """Close the client and its loop."""
        with self._until_closed:
            self._loop.run(self.client.close())

    def _open(self) -> None:
        if not self._opened:
            self._loop.run(self.client.open())
            self._opened = True
