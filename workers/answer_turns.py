"""Turns at answers: where many come within a moment, they are worked on one after the other.

Work on an answer keeps the loop for a millisecond. If all that are there were worked on in a row,
all would end together, late, and so the lanes' next calls would begin together: the provider is
asked in waves, and between two of them the machine idles. With one turn at a time, oldest first,
the first lane's next call is on its way before the second answer is looked at.
"""

import asyncio
from collections import deque

#: The loop goes round so often before each turn. What commits and permits need of it are some steps
#: of microseconds, one a round: with one round a turn each step would wait for an answer.
_ROUNDS = 4


class AnswerTurns:
    """Turns, in the order of asking; of one loop."""

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
            loop.call_soon(self._came_round, loop, 1)
        await mine

    def _came_round(self, loop: asyncio.AbstractEventLoop, rounds: int) -> None:
        if rounds == _ROUNDS:
            rounds = 0
            self._goes_round = bool(self._waiting)
            if not self._goes_round:
                return
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
        loop.call_soon(self._came_round, loop, rounds + 1)
