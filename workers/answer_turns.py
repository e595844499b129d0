"""Turns at answers: where many come within a moment, they are worked on one after the other.

Work on an answer keeps the loop for a millisecond. If all that are there were worked on in a row,
all would end together, late, and so the lanes' next calls would begin together: the provider is
asked in waves, and between two of them the machine idles. With one a round of the loop, oldest
first, the first lane's next call is on its way before the second answer is looked at.
"""

import asyncio
from collections import deque


class AnswerTurns:
    """One turn a round of the loop, in the order of asking; of one loop."""

    def __init__(self) -> None:
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._goes_round = False

    def __len__(self) -> int:
        """How many wait; whoever has the turn does not."""
        return len(self._waiting)

    async def turn(self) -> None:
        """Wait for a turn, which lasts until the caller waits for something else."""
        loop = asyncio.get_running_loop()
        mine = loop.create_future()
        self._waiting.append(mine)
        if not self._goes_round:
            self._goes_round = True
            loop.call_soon(self._next, loop)
        await mine

    def _next(self, loop: asyncio.AbstractEventLoop) -> None:
        turn = self._waiting.popleft()
        if not turn.done():
            turn.set_result(None)
        # Whoever has it goes on in the next round, and so does this, behind it.
        loop.call_soon(self._after, loop)

    def _after(self, loop: asyncio.AbstractEventLoop) -> None:
        self._goes_round = bool(self._waiting)
        if self._goes_round:
            self._next(loop)
