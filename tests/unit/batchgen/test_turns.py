"""Requests of several clients at once: who is at work, and whose turn comes."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from batchgen.web.turns import Turns


class Office:
    """Requests that are at work until they are told to end."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._ends: dict[str, asyncio.Event] = {}
        self.begun: list[str] = []
        self.requests: dict[str, asyncio.Task[None]] = {}

    async def come(self, *names: str) -> None:
        """Requests named by their client's letter and a number."""
        for name in names:
            self._ends[name] = asyncio.Event()
            self.requests[name] = asyncio.ensure_future(self._request(name))
        await _settled()

    async def end(self, *names: str) -> None:
        for name in names:
            self._ends[name].set()
            await _settled()

    async def break_off(self, *names: str) -> None:
        for name in names:
            self.requests[name].cancel()
        await _settled()

    async def _request(self, name: str) -> None:
        async with self._turns.turn(name[0]):
            self.begun.append(name)
            await self._ends[name].wait()


async def _settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def play(scene: Callable[[Office], Awaitable[None]]) -> list[str]:
    """What had begun, in order, where three are at work, two of one client."""

    async def played() -> list[str]:
        office = Office(Turns(most=3, most_of_one=2))
        await scene(office)
        begun = list(office.begun)
        for each in office.requests.values():
            each.cancel()
            with suppress(asyncio.CancelledError):
                await each
        return begun

    return asyncio.run(played())


def test_one_client_leaves_a_place() -> None:
    async def scene(office: Office) -> None:
        await office.come("a1", "a2", "a3", "b1")
        assert office.begun == ["a1", "a2", "b1"]
        await office.end("b1")
        assert office.begun == ["a1", "a2", "b1"]
        await office.end("a1")

    assert play(scene) == ["a1", "a2", "b1", "a3"]


def test_clients_that_wait_go_in_turns() -> None:
    async def scene(office: Office) -> None:
        await office.come("a1", "a2", "b1", *[f"a{n}" for n in range(3, 9)], "b2", "c1", "b3")
        await office.end("a1", "a2", "a3", "b1", "b2")

    assert play(scene) == ["a1", "a2", "b1", "a3", "b2", "c1", "a4", "b3"]


def test_who_hangs_up_while_waiting_is_forgotten() -> None:
    async def scene(office: Office) -> None:
        await office.come("a1", "a2", "a3", "a4")
        await office.break_off("a3")
        await office.end("a1", "a2")
        await office.come("a5")

    assert play(scene) == ["a1", "a2", "a4", "a5"]


def test_a_turn_of_who_hangs_up_when_it_is_called_goes_on() -> None:
    async def scene(office: Office) -> None:
        await office.come("a1", "b1", "b2", "c1", "d1")
        office._ends["a1"].set()
        await asyncio.sleep(0)
        await office.break_off("c1")
        await office.end("b1", "b2")
        await office.come("e1", "e2")

    begun = play(scene)
    assert begun[:3] == ["a1", "b1", "b2"]
    assert begun[-3:] == ["d1", "e1", "e2"]


def test_who_hangs_up_just_before_it_is_called_keeps_no_place() -> None:
    async def scene(office: Office) -> None:
        await office.come("a1", "b1", "b2", "c1", "c2")
        office._ends["a1"].set()
        office.requests["c1"].cancel()  # of which it hears after a1 has called it
        await _settled()
        assert office.begun == ["a1", "b1", "b2", "c2"]
        assert not office.requests["a1"].exception()

    play(scene)
