"""Ends runs that have nothing left to do, once for all lanes that ask at the same moment."""

import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID


class RunEnds:
    """Of one loop. Of a run that is cancelled thousands of lanes come to rest one after the other,
    and each asks. One look is under way at most; the next speaks for all that asked meanwhile,
    since it sees what they have committed.
    """

    def __init__(self, look: Callable[[UUID], Awaitable[object]]) -> None:
        """`look` ends a run if nothing is left to do."""
        self._look_at = look
        self._under_way: dict[UUID, asyncio.Task[None]] = {}
        self._next: dict[UUID, asyncio.Task[None]] = {}

    async def look(self, run_id: UUID) -> None:
        """Have the run looked at; back after a look that began later than this call.

        Raises: what the look raises.
        """
        look = self._next.get(run_id)
        if look is None:
            look = self._next[run_id] = asyncio.ensure_future(self._look(run_id))
        await asyncio.shield(look)

    async def _look(self, run_id: UUID) -> None:
        before = self._under_way.get(run_id)
        if before is not None:
            await asyncio.wait([before])
        self._under_way[run_id] = self._next.pop(run_id)
        try:
            await self._look_at(run_id)
        finally:
            del self._under_way[run_id]
