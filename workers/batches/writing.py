"""What became of a slice's requests, written down, and what that leads to for their run."""

from collections.abc import Iterable
from dataclasses import dataclass

from batchgen.db.in_thread import in_thread
from batchgen.db.sql import AsyncDatabase, Row
from providers.errors import ProviderError
from runs.engine.batches import batch_collect, batch_settle
from runs.engine.slice_values import Collected
from runs.engine.transitions import run_break_circuit, run_dispatch, run_finalize
from workers.batches.stopping import run_stop


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """Of one request, and the error that is to stop the run, where there is one."""

    collected: Collected
    stops: ProviderError | None = None


async def outcomes_write(database: AsyncDatabase, row: Row, outcomes: Iterable[Outcome]) -> None:
    """End requests of a slice, each once. Of a run that was deleted they are booked, no more.

    Args:
        row: of `batches_out`.

    Raises:
        psycopg.Error: PostgreSQL is away.
    """
    outcomes = list(outcomes)
    collected = [each.collected for each in outcomes]
    if row["run_id"] is None:
        await database.run(batch_settle(collected))
        return
    counted = await database.run(batch_collect(row["id"], collected))
    stops = next((each.stops for each in outcomes if each.stops is not None), None)
    if stops is not None and counted["calls"]:
        await run_stop(row["run_id"], stops)
    if counted["answered"] or counted["left"]:
        await in_thread(run_dispatch, run_id=row["run_id"])
    if counted["failed"]:
        await _failed(row, {each.error_code for each in collected if each.fate == "fail"})


async def _failed(row: Row, codes: Iterable[str]) -> None:
    for code in codes:
        await in_thread(run_break_circuit, run_id=row["run_id"], error_code=code)
    await in_thread(run_finalize, run_id=row["run_id"])
