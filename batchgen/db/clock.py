"""PostgreSQL's clock is the one that processes compare by; a host's own may be wrong by an hour.

Statements say `Now()`, and pass seconds where Python needs a difference. Where Python needs the
time itself, `database_now` has it. What only measures how long something takes uses
`time.monotonic`. tests/unit/test_host_clocks.py refuses everything else.
"""

import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import psycopg

from batchgen.db.pools import engine_pool

#: A host whose clock differs by more is reported.
MOST_AHEAD_S = 5.0
#: So long the monotonic clock carries on what PostgreSQL said.
_KNOWN_FOR_S = 15.0


@dataclass(frozen=True, slots=True)
class _Reading:
    """What PostgreSQL's clock said, and this process's own clocks at that moment."""

    said: datetime
    monotonic: float
    host: float

    def now(self) -> datetime:
        return self.said + timedelta(seconds=time.monotonic() - self.monotonic)


class DatabaseClock:
    """PostgreSQL's time, within the time that its answer took. Any thread may ask."""

    def __init__(self) -> None:
        self._reading: _Reading | None = None
        self._asking = threading.Lock()

    def now(self) -> datetime:
        """The time now, asking where the last answer is old.

        Raises:
            psycopg.Error: PostgreSQL is away, and never answered before.
        """
        return self._fresh().now()

    def as_known(self) -> datetime:
        """The time now without asking, for code that must not wait; until somebody in this
        process has asked, by the host's clock."""
        return self._reading.now() if self._reading else datetime.now(UTC)

    def host_ahead_s(self) -> float:
        """By how many seconds the host's clock is ahead; negative where it is behind.

        Raises:
            psycopg.Error: as `now`.
        """
        reading = self._fresh()
        return reading.host - reading.said.timestamp()

    def _fresh(self) -> _Reading:
        known = self._reading
        if known is None:
            with self._asking:
                return self._reading or self._read()
        is_fresh = time.monotonic() - known.monotonic < _KNOWN_FOR_S
        # One asks, and the others go on with what is known.
        if is_fresh or not self._asking.acquire(blocking=False):
            return known
        try:
            return self._read()
        except psycopg.Error:
            return known
        finally:
            self._asking.release()

    def _read(self) -> _Reading:
        with engine_pool().connection() as connection:
            began = time.monotonic()
            (row,) = connection.execute("SELECT clock_timestamp() AS said").fetchall()
            half_s = (time.monotonic() - began) / 2
            host = time.time()
        self._reading = _Reading(said=row["said"], monotonic=began + half_s, host=host - half_s)
        return self._reading


DATABASE = DatabaseClock()


def database_now() -> datetime:
    """PostgreSQL's time; raises as `DatabaseClock.now`."""
    return DATABASE.now()
