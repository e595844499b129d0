"""A client a provider: opened once, whoever asks."""

import asyncio
from collections.abc import Callable

import pytest

from providers.errors import ProviderUnknown
from providers.provider import Provider
from providers.values import Answer, CompletionRequest
from tests.loops import in_loop
from workers.clients import Clients


class Counted:
    """A provider's client whose opening may be held up, and may fail at first."""

    batches = None

    def __init__(self, *, fails: bool = False) -> None:
        self.opened = self.closed = 0
        self.may_open = asyncio.Event()
        self._fails = fails

    async def open(self) -> None:
        self.opened += 1
        await self.may_open.wait()
        if self._fails and self.opened == 1:
            raise OSError("no network")

    async def ask(self, request: CompletionRequest) -> Answer:
        raise NotImplementedError

    async def close(self) -> None:
        self.closed += 1


def _always(client: Provider) -> Callable[[str], Provider]:
    return lambda _name: client


async def _asking(clients: Clients, count: int) -> list["asyncio.Task[Provider]"]:
    asking = [asyncio.create_task(clients.of("one")) for _ in range(count)]
    await asyncio.sleep(0)
    return asking


@in_loop
async def test_of_several_that_ask_at_once_one_opens_it() -> None:
    client = Counted()
    clients = Clients(_always(client))
    asking = await _asking(clients, 3)
    client.may_open.set()
    assert await asyncio.gather(*asking) == [client] * 3
    assert await clients.of("one") is client
    assert client.opened == 1
    await clients.close()
    assert client.closed == 1


@in_loop
async def test_whoever_gives_up_does_not_end_its_opening() -> None:
    client = Counted()
    clients = Clients(_always(client))
    first, second = await _asking(clients, 2)
    first.cancel()
    await asyncio.wait([first])
    client.may_open.set()
    assert await asyncio.wait_for(second, 5) is client
    assert client.opened == 1


@in_loop
async def test_one_that_could_not_be_opened_is_tried_again() -> None:
    client = Counted(fails=True)
    client.may_open.set()
    clients = Clients(_always(client))
    with pytest.raises(OSError, match="no network"):
        await clients.of("one")
    assert await clients.of("one") is client


@in_loop
async def test_a_provider_that_nobody_knows_is_named_as_such() -> None:
    known: dict[str, Provider] = {}
    clients = Clients(known.__getitem__)
    for _ in range(2):
        with pytest.raises(ProviderUnknown):
            await clients.of("one")
    await clients.close()
