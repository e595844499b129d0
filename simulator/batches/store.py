"""What batches hold: requests until they have ended, results after that. On disk."""

from collections.abc import Iterator

from simulator.batches.batch import Batch
from simulator.state.database import temporary_database

ROWS_READ = 64
"""Lines read at a time while results are sent."""
_SPAN = 2**20
"""Keys of one batch lie this far from those of the next; it has fewer requests."""
_SCHEMA = """
CREATE TABLE request (key INTEGER PRIMARY KEY, text TEXT NOT NULL);
CREATE TABLE result (key INTEGER PRIMARY KEY, line BLOB NOT NULL);
"""


class Store:
    """Requests and results of all batches, by batch and position."""

    def __init__(self) -> None:
        self._database = temporary_database(_SCHEMA)

    def clear(self) -> None:
        """Forget everything."""
        self._database.execute("DELETE FROM request")
        self._database.execute("DELETE FROM result")

    def add_request(self, number: int, at: int, text: str) -> None:
        """Keep a request as it came, in JSON."""
        self._database.execute("INSERT INTO request VALUES (?, ?)", (number * _SPAN + at, text))

    def request(self, number: int, at: int) -> str:
        """A request, in JSON."""
        key = number * _SPAN + at
        (text,) = self._database.execute(
            "SELECT text FROM request WHERE key = ?", (key,)
        ).fetchone()
        return str(text)

    def drop_requests(self, number: int) -> None:
        """Forget the requests of a batch."""
        self._database.execute("DELETE FROM request WHERE key >= ? AND key < ?", _span(number))

    def add_result(self, batch: Batch, at: int, line: bytes) -> None:
        """Keep a line of the results."""
        self._database.execute(
            "INSERT INTO result VALUES (?, ?)", (batch.number * _SPAN + at, line)
        )

    def results(self, batch: Batch) -> Iterator[bytes]:
        """The lines in their order; a few of them in memory at a time."""
        last, end = batch.number * _SPAN - 1, (batch.number + 1) * _SPAN
        while True:
            rows = self._database.execute(
                "SELECT key, line FROM result WHERE key > ? AND key < ? ORDER BY key LIMIT ?",
                (last, end, ROWS_READ),
            ).fetchall()
            if not rows:
                return
            last = rows[-1][0]
            yield from (line for _, line in rows)

    def results_size(self, batch: Batch) -> int:
        """Bytes of all lines."""
        (size,) = self._database.execute(
            "SELECT coalesce(sum(length(line)), 0) FROM result WHERE key >= ? AND key < ?",
            _span(batch.number),
        ).fetchone()
        return int(size)

    def drop_results(self, batch: Batch) -> None:
        """Forget the results of a batch."""
        self._database.execute("DELETE FROM result WHERE key >= ? AND key < ?", _span(batch.number))


def _span(number: int) -> tuple[int, int]:
    return number * _SPAN, (number + 1) * _SPAN
