"""Slices handed in to the provider: the intent first, the batch then, its name last."""

import logging
from uuid import UUID

from django.conf import settings

from batchgen.db.ids import new_id
from batchgen.db.in_thread import in_thread
from batchgen.db.sql import AsyncDatabase, Row
from content.registry import kind_started_by
from providers.batches import Batches
from providers.errors import BatchesUnavailable, Effect, ProviderError, RequestTooLarge
from runs.engine.batches import (
    batch_opened,
    batch_refused,
    requests_out,
    runs_for_slices,
    slice_begin,
)
from runs.engine.budget_waits import budget_wait, run_pause_unpriced
from runs.engine.refusals import BudgetRefused, PriceMissing, refusals
from runs.engine.transitions import run_begin
from runs.states import MoneyLane, RunStatus
from workers.batches.quiet import Quiet
from workers.batches.slices import Slice, Slicer
from workers.batches.stopping import run_stop

log = logging.getLogger(__name__)


class Creator:
    """Makes and hands in the slices of one provider, one after the other; of one loop."""

    def __init__(self, database: AsyncDatabase, batches: Batches, provider: str) -> None:
        self._database = database
        self._batches = batches
        self._provider = provider
        self._slicer = Slicer(database)
        #: Those that are on their way to the provider from here.
        self.under_way: set[UUID] = set()
        self.quiet = Quiet()
        #: Of runs whose slice was refused as it was: how many requests the next one has at most.
        self._most: dict[UUID, int] = {}

    async def create_all(self) -> None:
        """Hand in the next slice of each run that has one.

        Raises:
            psycopg.Error: PostgreSQL is away.
        """
        for run in await self._database.run(runs_for_slices(self._provider)):
            out = await self._database.run(requests_out(self._provider))
            room = settings.BATCH_REQUESTS_OUT - out
            if room < 1 or self.quiet.lasts:
                return
            most = min(room, self._most.get(run["id"], room))
            made = await self._slicer.next(run, most=most, most_bytes=settings.BATCH_SLICE_BYTES)
            if made and made.parts and not await self._create(made):
                return

    async def leave_all(self) -> None:
        """The provider has no batches: all that waits for one goes the usual way."""
        for run in await self._database.run(runs_for_slices(self._provider)):
            await self._slicer.leave(run["id"], None)

    async def _create(self, made: Slice) -> bool:
        """False where nobody knows whether it came about: none follows before that is known."""
        batch_id, run = new_id(), made.run
        self.under_way.add(batch_id)
        try:
            call_ids = await self._begin(batch_id, made)
            if not call_ids:
                return True
            if run["status"] == RunStatus.QUEUED:
                word = kind_started_by(run["type"]).item_words[0]
                await in_thread(run_begin, run_id=run["id"], item_word=word)
            return await self._hand_in(batch_id, made, call_ids)
        finally:
            self.under_way.discard(batch_id)

    async def _begin(self, batch_id: UUID, made: Slice) -> set[UUID]:
        """Write the slice's intent; its calls, and none where they do not fit a budget."""
        run_id, parts = made.run["id"], made.parts
        intent = slice_begin(
            batch_id=batch_id,
            run_id=run_id,
            requests=[part.intent() for part in parts],
            primer=made.primer,
            prefix=made.prefix,
            shape=made.shape,
        )
        try:
            with refusals():
                return await self._database.run(intent)
        except BudgetRefused as refused:
            if len(parts) > 1:
                self._most[run_id] = len(parts) // 2
            else:
                await in_thread(budget_wait, run_id=run_id, refused=refused)
        except PriceMissing:
            await in_thread(run_pause_unpriced, run_id=run_id)
        return set()

    async def _hand_in(self, batch_id: UUID, made: Slice, call_ids: set[UUID]) -> bool:
        try:
            state = await self._batches.create(made.requests(call_ids))
        except ProviderError as error:
            if error.possibly_billed:
                log.warning("slice %s: it may have been created: %s", batch_id, error)
                return False
            await self._database.run(batch_refused(batch_id, error_code=error.code))
            await self._refused(made, error)
            return True
        await self._database.run(
            batch_opened(
                batch_id=batch_id,
                provider_batch_id=state.provider_id,
                created_at=state.created_at,
                expires_at=state.expires_at,
            )
        )
        self.quiet.over()
        self._most.pop(made.run["id"], None)
        log.info("slice %s of run %s: %s requests", batch_id, made.run["id"], len(call_ids))
        return True

    async def _refused(self, made: Slice, error: ProviderError) -> None:
        log.warning("a slice of run %s was refused: %s", made.run["id"], error)
        run: Row = made.run
        if isinstance(error, BatchesUnavailable) and run["lane"] == MoneyLane.CHEAPEST:
            await self._slicer.leave(run["id"], None)
        elif isinstance(error, RequestTooLarge) or error.effect is Effect.FAIL_ITEM:
            # What is wrong with one of them is found by halves.
            if len(made.parts) == 1:
                await self._slicer.leave(run["id"], [made.parts[0].item_id])
            self._most[run["id"]] = max(1, len(made.parts) // 2)
        elif error.effect in (Effect.PAUSE_RUN, Effect.FAIL_RUN):
            await run_stop(run["id"], error)
        else:
            self.quiet.after(error)
