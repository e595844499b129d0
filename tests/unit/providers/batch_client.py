"""A client's batches, for tests that are no coroutines."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from providers.batches import Batches, BatchRequest, BatchResult, BatchState
from providers.errors import ProviderError
from tests.blocking_client import BlockingClient
from tests.unit.providers.conftest import completion_request


def requests(*ids: str, **changes: object) -> list[BatchRequest]:
    return [BatchRequest(custom_id=each, request=completion_request(**changes)) for each in ids]


class BatchClient:
    """What a test asks of a client's batches."""

    def __init__(self, blocking: BlockingClient) -> None:
        self.blocking = blocking

    def run(self, call: str, *args: Any, **named: Any) -> Any:
        async def made() -> Any:
            return await getattr(self.batches(), call)(*args, **named)

        return self.blocking.run(made())

    def failure(self, call: str, *args: Any) -> ProviderError:
        with pytest.raises(ProviderError) as caught:
            self.run(call, *args)
        return caught.value

    def results(self, state: BatchState) -> tuple[list[BatchResult], ProviderError | None]:
        """What arrived, and what ended it too early."""

        async def read() -> tuple[list[BatchResult], ProviderError | None]:
            arrived: list[BatchResult] = []
            try:
                await read_into(arrived, self.batches().results(state))
            except ProviderError as error:
                return arrived, error
            return arrived, None

        return self.blocking.run(read())

    def batches(self) -> Batches:
        """Once the client is open."""
        batches = self.blocking.client.batches
        assert batches is not None
        return batches


async def read_into(arrived: list[BatchResult], results: AsyncIterator[BatchResult]) -> None:
    async for result in results:
        arrived.append(result)  # noqa: PERF401  # what came before an error counts
