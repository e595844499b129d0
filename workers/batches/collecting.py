"""Results of slices that have ended, as they arrive, each once, as kept answers of their calls."""

import logging
from contextlib import aclosing
from dataclasses import dataclass, field
from uuid import UUID

from batchgen.db.sql import AsyncDatabase, Row
from providers import batches as theirs
from providers.batches import Batches, BatchResult
from providers.errors import BatchNotFound
from runs.engine.batches import (
    batch_collected,
    batch_items,
    batch_not_ours,
    batch_read,
    batches_unseen,
    calls_left,
    calls_of_batch,
)
from workers.batches.results import OfItem, call_id_of, of_result, unanswered
from workers.batches.writing import outcomes_write

log = logging.getLogger(__name__)

#: Results that one statement books.
_CHUNK = 300
#: After so many readings to the end a request without a result has none.
_READS = 3


@dataclass(slots=True)
class _Reading:
    """How far the reading of one slice's results is."""

    lines: int = 0
    ours: bool = False
    chunk: dict[UUID, BatchResult] = field(default_factory=dict)


class Collector:
    """Of one provider and one loop."""

    def __init__(self, database: AsyncDatabase, batches: Batches) -> None:
        self._database = database
        self._batches = batches

    async def collect(self, row: Row) -> None:
        """Read a slice's results to their end; what was read before changes nothing.

        Raises:
            ProviderError: they broke off; what came is booked.
            psycopg.Error: PostgreSQL is away.
        """
        reading = _Reading()
        state = theirs.BatchState(
            provider_id=row["provider_batch_id"],
            status=theirs.BatchStatus.ENDED,
            counts=theirs.BatchCounts(),
            results_url=row["results_url"],
        )
        try:
            async with aclosing(self._batches.results(state)) as results:
                async for result in results:
                    reading.lines += 1
                    if call_id := call_id_of(result.custom_id):
                        reading.chunk.setdefault(call_id, result)
                    if len(reading.chunk) >= _CHUNK:
                        await self._book(row, reading)
        except BatchNotFound:
            await self._database.run(batches_unseen([row["id"]]))
            raise
        finally:
            await self._book(row, reading)
        await self._read_to_the_end(row, reading)

    async def _book(self, row: Row, reading: _Reading) -> None:
        chunk, reading.chunk = reading.chunk, {}
        if not chunk:
            return
        if not reading.ours:
            # Nothing of a batch is touched that was taken for ours by mistake.
            found = await self._database.run(calls_of_batch(row["id"], list(chunk)))
            reading.ours = bool(found)
        if not reading.ours:
            return
        failed = [call_id for call_id, result in chunk.items() if result.completion is None]
        items = await self._database.run(batch_items(row["id"], failed)) if failed else {}
        outcomes = [
            of_result(
                call_id,
                result,
                OfItem.of(items[call_id]) if call_id in items else None,
                model=row["model"] or "",
                spilled=row["spilled"],
            )
            for call_id, result in chunk.items()
        ]
        await outcomes_write(self._database, row, outcomes)

    async def _read_to_the_end(self, row: Row, reading: _Reading) -> None:
        if reading.lines and not reading.ours:
            log.warning("%s is not slice %s", row["provider_batch_id"], row["id"])
            await self._database.run(
                batch_not_ours(batch_id=row["id"], provider_batch_id=row["provider_batch_id"])
            )
            return
        await self._database.run(batch_read(row["id"]))
        if await self._database.run(batch_collected(row["id"])) or row["reads"] + 1 < _READS:
            return
        while left := await self._database.run(calls_left(row["id"], most=_CHUNK)):
            log.warning("slice %s: %s requests have no result", row["id"], len(left))
            items = await self._database.run(batch_items(row["id"], list(left)))
            outcomes = [unanswered(call_id, OfItem.of(item)) for call_id, item in items.items()]
            await outcomes_write(self._database, row, outcomes)
        await self._database.run(batch_collected(row["id"]))
