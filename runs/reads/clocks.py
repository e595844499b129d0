"""Hosts whose clocks differ from PostgreSQL's.

No run is hurt by one, as nothing compares a host's time; its logs lie, and tokens and certificates
are judged by it. So it is told of, and takes nobody out of service.
"""

import socket
from collections.abc import Iterator
from dataclasses import dataclass

from batchgen.db.clock import DATABASE, MOST_AHEAD_S
from runs.reads.surroundings import workers_alive


@dataclass(frozen=True, kw_only=True, slots=True)
class WrongClock:
    """A host, or the worker that found its own host so."""

    host: str
    ahead_s: float

    @property
    def message(self) -> str:
        word = "ahead of" if self.ahead_s > 0 else "behind"
        return f"The clock of {self.host} is {abs(self.ahead_s):.0f} s {word} PostgreSQL's."


def clocks_wrong() -> Iterator[WrongClock]:
    """This host, and those of live workers, where they differ by more than MOST_AHEAD_S.

    Raises:
        psycopg.Error, django.db.Error: PostgreSQL is away.
    """
    workers = workers_alive().order_by("name").values_list("name", "clock_ahead_s")
    for host, ahead_s in ((socket.gethostname(), DATABASE.host_ahead_s()), *workers):
        if ahead_s is not None and abs(ahead_s) > MOST_AHEAD_S:
            yield WrongClock(host=host, ahead_s=ahead_s)
