"""A provider's client for tests that are no coroutines."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import uvloop

from providers.provider import Provider
from providers.values import Answer, CompletionRequest

T = TypeVar("T")


class BlockingClient:
    """Runs a client's calls in a loop that runs only meanwhile."""

    def __init__(self, client: Provider) -> None:
        """`client` is opened here with the first that it is asked for."""
        self.client = client
        self._runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
        self._opened = False

    def complete(self, request: CompletionRequest) -> Answer:
        """Open the client where it is not, and ask it."""
        self._open()
        return self._runner.run(self.client.ask(request))

    def run(self, calls: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the client's loop."""
        self._open()
        return self._runner.run(calls)

    def close(self) -> None:
        """Close the client and its loop."""
        self._runner.run(self.client.close())
        self._runner.close()

    def _open(self) -> None:
        if not self._opened:
            self._runner.run(self.client.open())
            self._opened = True
