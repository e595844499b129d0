"""Plain asyncio: as many coroutines as there are lanes, over a list in memory; nothing is durable.

Killed, it leaves its epics GENERATING for ever, and forgets what it had not begun.
"""

import asyncio

import uvloop

from benchmarks.peers import work as shared

_PENDING = """SELECT id::text FROM bare_epic WHERE status = 'PENDING' ORDER BY "order" DESC"""


def work() -> None:
    """Do all epics that are pending."""
    uvloop.run(_work())


async def _work() -> None:
    ask = shared.asking()
    async with shared.pool() as pool:
        async with pool.connection() as connection:
            left = [item_id for (item_id,) in await (await connection.execute(_PENDING)).fetchall()]

        async def lane() -> None:
            while left:
                await shared.epic_do(pool, left.pop(), ask)

        async with asyncio.TaskGroup() as group:
            for _ in range(shared.lanes()):
                group.create_task(lane())
