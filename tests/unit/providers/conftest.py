"""A scripted provider, and clients for it that are closed whatever happens."""

from collections.abc import Callable, Iterator

import pytest

from providers.anthropic.client import ProviderClient
from providers.values import CompletionRequest, TextBlock
from tests.blocking_client import BlockingClient
from tests.unit.providers.wire import Wire

ClientFactory = Callable[..., BlockingClient]


def completion_request(**changes: object) -> CompletionRequest:
    """A request as the pipeline builds them."""
    values: dict[str, object] = {
        "model": "claude-sonnet-5-5",
        "max_tokens": 4_000,
        "system": (TextBlock(text="You write."), TextBlock(text="The project.", cache=True)),
        "user": "<task>{}</task>",
        "schema": {"type": "object", "properties": {}, "additionalProperties": False},
        "marker": "run-epic-1",
        "purpose": "generate",
    }
    values.update(changes)
    return CompletionRequest(**values)  # type: ignore[arg-type]  # a test's own key words


@pytest.fixture
def wire() -> Iterator[Wire]:
    """A provider of its own for each test."""
    server = Wire()
    yield server
    server.close()


@pytest.fixture
def make_client(wire: Wire) -> Iterator[ClientFactory]:
    """Make clients of the scripted provider."""
    made: list[BlockingClient] = []

    def make(**changes: object) -> BlockingClient:
        values: dict[str, object] = {
            "api_key": "sk-ant-test-1234567890",
            "base_url": wire.url,
            "timeout_s": 10.0,
            "max_connections": 8,
        }
        values.update(changes)
        client = ProviderClient(**values)  # type: ignore[arg-type]  # a test's own key words
        made.append(BlockingClient(client))
        return made[-1]

    yield make
    for client in made:
        client.close()


@pytest.fixture
def client(make_client: ClientFactory) -> BlockingClient:
    """A client with everyday values."""
    return make_client()
