"""Ends of runs: one look at a time, which speaks for all that asked before it began."""

import asyncio
from uuid import uuid4

import pytest

from workers.run_ends import RunEnds

RUN, OTHER = uuid4(), uuid4()


class Looks:
    """Each waits until it is let go; `begun` has the run of each."""

    def __init__(self) -> None:
        self.begun: list[object] = []
        self.gates: list[asyncio.Event] = []

    async def __call__(self, run_id: object) -> None:
        is_first = not self.begun
        gate = asyncio.Event()
        self.begun.append(run_id)
        self.gates.append(gate)
        await gate.wait()
        if is_first:
            raise ConnectionError


async def rounds() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def test_who_asks_during_a_look_waits_for_one_that_begins_after_it() -> None:
    async def asks() -> None:
        looks = Looks()
        ends = RunEnds(looks)
        first = asyncio.create_task(ends.look(RUN))
        await rounds()
        during = [asyncio.create_task(ends.look(RUN)) for _ in range(3)]
        another = asyncio.create_task(ends.look(OTHER))
        await rounds()
        assert looks.begun == [RUN, OTHER]
        during[0].cancel()
        looks.gates[0].set()
        with pytest.raises(ConnectionError):
            await first
        await rounds()
        assert looks.begun == [RUN, OTHER, RUN]
        assert not any(task.done() for task in during[1:])
        looks.gates[2].set()
        looks.gates[1].set()
        await asyncio.gather(*during[1:], another)
        last = asyncio.create_task(ends.look(RUN))
        await rounds()
        looks.gates[3].set()
        await last
        assert looks.begun == [RUN, OTHER, RUN, RUN]

    asyncio.run(asks())
