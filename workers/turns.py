"""Turns at the interpreter: answers are worked on a few at a time, in the order they came.

Python runs one thread of a process at a time. Where a hundred answers come within a second and a
hundred threads take them up together, all of them end together, late, and so the lanes' next calls
begin together: the provider is asked in waves, and between two of them the machine idles. One
after the other, the first is done at once and its lane's next call is on its way.
"""

import threading
from collections import deque


class Turns:
    """So many threads at once; the others wait, and nobody overtakes."""

    def __init__(self, at_once: int) -> None:
        self._free = at_once
        self._lock = threading.Lock()
        #: Each is locked; who unlocks it hands over a turn.
        self._waiting: deque[threading.Lock] = deque()

    def __len__(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def turn(self) -> "Turn":
        """A thread's, not taken yet."""
        return Turn(self)

    def take(self) -> None:
        """Wait for a turn."""
        with self._lock:
            if self._free:
                self._free -= 1
                return
            mine = threading.Lock()
            mine.acquire()
            self._waiting.append(mine)
        mine.acquire()

    def give(self) -> None:
        """Give a turn back, to whoever has waited longest."""
        with self._lock:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._free += 1


class Turn:
    """One thread's: taken and left as often as it likes, twice in a row too."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._taken = False

    def take(self) -> None:
        """Wait for it, unless it is taken."""
        if not self._taken:
            self._turns.take()
            self._taken = True

    def leave(self) -> None:
        """Let the next one have it."""
        if self._taken:
            self._taken = False
            self._turns.give()
