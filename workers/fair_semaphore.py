"""A semaphore that serves in order: answers are worked on a few at a time, as they came.

Python runs one thread of a process at a time. Where a hundred answers come within a second and a
hundred threads take them up together, all of them end together, late, and so the lanes' next calls
begin together: the provider is asked in waves, and between two of them the machine idles. One
after the other, the first is done at once and its lane's next call is on its way.
"""

import threading
from collections import deque


class FairSemaphore:
    """So many threads at once; the others wait, and nobody overtakes."""

    def __init__(self, at_once: int) -> None:
        self._free = at_once
        self._lock = threading.Lock()
        #: Each is locked; who unlocks it hands the semaphore over.
        self._waiting: deque[threading.Lock] = deque()

    def __len__(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def holder(self) -> "Holder":
        """A thread's, that does not hold it yet."""
        return Holder(self)

    def acquire(self) -> None:
        """Wait until it is this thread's turn."""
        with self._lock:
            if self._free:
                self._free -= 1
                return
            mine = threading.Lock()
            mine.acquire()
            self._waiting.append(mine)
        mine.acquire()

    def release(self) -> None:
        """Hand it over to whoever has waited longest."""
        with self._lock:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._free += 1


class Holder:
    """One thread's hold of the semaphore: either call may come twice in a row."""

    def __init__(self, semaphore: FairSemaphore) -> None:
        self._semaphore = semaphore
        self._holds = False

    def acquire(self) -> None:
        """Wait for the semaphore, unless it is held."""
        if not self._holds:
            self._semaphore.acquire()
            self._holds = True

    def release(self) -> None:
        """Let the next one have it, where it is held."""
        if self._holds:
            self._holds = False
            self._semaphore.release()
