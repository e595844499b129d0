"""Runs that are to end by a time, and slices that nobody waits for any longer."""

import logging
from collections.abc import Iterable

from django.conf import settings

from batchgen.db.in_thread import in_thread
from batchgen.db.sql import AsyncDatabase, Row
from runs.engine.batches import batch_let_go, batches_spill, items_spill, run_spills
from runs.engine.transitions import run_dispatch
from runs.spilling import Left, calls_per_minute, spill
from runs.states import BatchState

log = logging.getLogger(__name__)

#: Without a deadline a run of the cheapest lane may take a day.
_NO_DEADLINE_S = 24 * 3600.0


class Deadlines:
    """Of one provider. All of it raises psycopg.Error."""

    def __init__(self, database: AsyncDatabase, provider: str) -> None:
        self._database = database
        self._provider = provider

    async def spill(self, out: Iterable[Row]) -> None:
        """Have as much go realtime as could not be done in time later."""
        runs = await self._database.run(run_spills(self._provider, no_deadline_s=_NO_DEADLINE_S))
        for run in runs:
            slices = [
                (row["id"], row["expected"])
                for row in out
                if row["run_id"] == run["id"] and not row["cancel"]
            ]
            spilled = spill(
                _left(run, sharing=len(runs)),
                slices,
                wait_s=settings.BATCH_SPILL_WAIT_S,
                margin_s=settings.BATCH_SPILL_MARGIN_S,
            )
            if spilled.waiting:
                await self._database.run(items_spill(run_id=run["id"], most=spilled.waiting))
                await in_thread(run_dispatch, run_id=run["id"])
            if spilled.batch_ids:
                log.info("run %s: %s slices go realtime", run["id"], len(spilled.batch_ids))
                await self._database.run(batches_spill(spilled.batch_ids))

    async def let_go(self, out: Iterable[Row]) -> None:
        """Go on without slices that were cancelled and do not end."""
        for row in out:
            patience_s = settings.BATCH_SPILL_WAIT_S if row["spilled"] else settings.BATCH_LOST_S
            if row["state"] == BatchState.ENDED or (row["cancel_s"] or 0) <= patience_s:
                continue
            if not row["awaited"] or (row["run_active"] and not row["spilled"]):
                continue
            if await self._database.run(batch_let_go(run_id=row["run_id"], batch_id=row["id"])):
                log.warning("slice %s does not end: its items go on without it", row["id"])
                await in_thread(run_dispatch, run_id=row["run_id"])


def _left(run: Row, *, sharing: int) -> Left:
    """What is left of a run; `sharing`: runs that may all go realtime by the same key."""
    limits = (
        (settings.LIMIT_REQUESTS_PER_MINUTE, 1.0),
        (settings.LIMIT_INPUT_TOKENS_PER_MINUTE, run["input_tokens"]),
        (settings.LIMIT_OUTPUT_TOKENS_PER_MINUTE, run["output_tokens"]),
    )
    return Left(
        **{name: run[name] for name in ("left_s", "waiting", "out", "realtime")},
        **{name: run[name] for name in ("lanes", "delay_ms", "call_s")},
        per_minute=calls_per_minute(limits, sharing=sharing),
    )
