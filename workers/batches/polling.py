"""What the provider says of slices that are out, by one page of its list for all of them."""

import logging
from collections.abc import Collection, Iterable, Mapping
from contextlib import aclosing
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings

from batchgen.db.sql import AsyncDatabase, Row
from providers import batches as theirs
from providers.batches import Batches
from providers.errors import BatchNotFound, ProviderError, RequestRejected
from runs.engine.batches import (
    batch_items,
    batch_lost,
    batch_not_ours,
    batch_opened,
    batches_known,
    batches_seen,
    batches_unseen,
    calls_in_vain,
    calls_of_batch,
)
from runs.engine.slice_values import Seen
from runs.states import BatchState
from workers.batches.results import MOST_IN_VAIN, OfItem, call_id_of, lost
from workers.batches.writing import outcomes_write

log = logging.getLogger(__name__)

#: An open slice is asked for as often as a part of its age.
_AGE_PART = 10
#: Of those that are on no page, so many are asked for one by one in a round.
_ONE_BY_ONE = 5
_PAGE, _MOST_PAGE, _MOST_PAGES = 100, 1000, 20
#: Their clock and PostgreSQL's may be so far apart.
_CLOCKS = timedelta(minutes=2)
#: So long after it should have expired a slice is given up.
_OVERDUE_S = 3600.0
_STATES = {
    theirs.BatchStatus.IN_PROGRESS: BatchState.OPEN,
    theirs.BatchStatus.CANCELING: BatchState.CANCELING,
    theirs.BatchStatus.ENDED: BatchState.ENDED,
}
#: Results that are read to see whose a batch is.
_LOOKED_AT = 20
#: Requests that one statement ends.
_AT_ONCE = 300


def due(row: Row) -> bool:
    """Whether the provider is to be asked about an open slice."""
    least_s, most_s = settings.BATCH_POLL_S, settings.BATCH_POLL_MOST_S
    interval_s = min(most_s, max(least_s, row["age_s"] / _AGE_PART))
    since_s = row["age_s"] if row["polled_s"] is None else row["polled_s"]
    return bool(since_s >= interval_s)


class Poller:
    """Of one provider and one loop. All of it raises ProviderError and psycopg.Error."""

    def __init__(self, database: AsyncDatabase, batches: Batches) -> None:
        self._database = database
        self._batches = batches

    async def poll(self, out: Iterable[Row]) -> None:
        """Ask about those that are open, all at once, where one is due."""
        is_open = [row for row in out if row["state"] in (BatchState.OPEN, BatchState.CANCELING)]
        if not any(map(due, is_open)):
            return
        limit = min(_MOST_PAGE, max(_PAGE, 2 * len(is_open)))
        page = {state.provider_id: state for state in await self._batches.newest(limit=limit)}
        rest = [row for row in is_open if row["provider_batch_id"] not in page]
        rest.sort(key=lambda row: -(row["polled_s"] or row["age_s"]))
        missing: list[UUID] = []
        for row in rest[:_ONE_BY_ONE]:
            try:
                state = await self._batches.get(row["provider_batch_id"])
            except BatchNotFound:
                missing.append(row["id"])
            else:
                page[row["provider_batch_id"]] = state
        await self._seen(is_open, page)
        if missing:
            await self._database.run(batches_unseen(missing))

    async def _seen(self, rows: Iterable[Row], page: Mapping[str, theirs.BatchState]) -> None:
        seen = [
            _seen(row["id"], page[row["provider_batch_id"]])
            for row in rows
            if row["provider_batch_id"] in page
        ]
        if seen:
            await self._database.run(batches_seen(seen))

    async def give_up(self, out: Iterable[Row]) -> None:
        """Take those for lost that the provider has not known for long, or never ended."""
        for row in out:
            results = row["state"] == BatchState.ENDED
            # Results that are not there right after the end were there later: they are paid for.
            patience_s = settings.BATCH_LOST_S * (6 if results else 1)
            missing = (row["missing_s"] or 0) > patience_s
            overdue = not results and (row["overdue_s"] or 0) > _OVERDUE_S
            if missing or overdue:
                log.warning("slice %s is lost", row["id"])
                await self._lose(row)

    async def _lose(self, row: Row) -> None:
        """Have its items wait for another slice, but for those that were in too many."""
        in_vain = calls_in_vain(row["id"], times=MOST_IN_VAIN - 1, most=_AT_ONCE)
        while found := await self._database.run(in_vain):
            items = await self._database.run(batch_items(row["id"], list(found)))
            outcomes = [lost(call_id, OfItem.of(item)) for call_id, item in items.items()]
            await outcomes_write(self._database, row, outcomes)
        await self._database.run(batch_lost(row["id"]))

    async def cancel(self, out: Iterable[Row]) -> None:
        """Tell the provider which ones somebody wants cancelled, or nobody waits for any more: all
        of them, whatever it says."""
        failed: ProviderError | None = None
        for row in out:
            wanted = row["cancel"] or not row["awaited"]
            if not wanted or row["state"] != BatchState.OPEN:
                continue
            try:
                state = await self._canceled(row["provider_batch_id"])
            except BatchNotFound:
                continue  # not yet, or no more: the next round sees
            except ProviderError as error:
                failed = error
            else:
                await self._database.run(batches_seen([_seen(row["id"], state)]))
        if failed is not None:
            raise failed

    async def _canceled(self, provider_batch_id: str) -> theirs.BatchState:
        try:
            return await self._batches.cancel(provider_batch_id)
        except RequestRejected:
            # It has ended, most likely: so it says if it is asked.
            return await self._batches.get(provider_batch_id)

    async def adopt(self, out: Iterable[Row], *, under_way: Collection[UUID]) -> None:
        """Look for those that may have been created: a batch that is younger than the intent, of as
        many requests, and none of ours. Where several are, their results tell."""
        for row in out:
            if row["state"] == BatchState.CREATING and row["id"] not in under_way:
                await self._adopt(row)

    async def _adopt(self, row: Row) -> None:
        candidates = await self._candidates(row)
        if len(candidates) > 1:
            candidates = [each for each in candidates if await self._is_ours(row, each)]
        if candidates:
            found = candidates[0]
            log.warning("slice %s: found as %s", row["id"], found.provider_id)
            await self._database.run(
                batch_opened(
                    batch_id=row["id"],
                    provider_batch_id=found.provider_id,
                    created_at=found.created_at,
                    expires_at=found.expires_at,
                )
            )
        elif row["age_s"] > settings.BATCH_LOST_S:
            log.warning("slice %s: the provider never had it", row["id"])
            await self._lose(row)

    async def _candidates(self, row: Row) -> list[theirs.BatchState]:
        fitting = [
            state
            for state in await self._younger(row["intent_at"] - _CLOCKS)
            if state.counts.total == row["expected"] and state.provider_id not in row["not_ours"]
        ]
        known = await self._database.run(batches_known([each.provider_id for each in fitting]))
        return [state for state in fitting if state.provider_id not in known]

    async def _younger(self, since: datetime) -> list[theirs.BatchState]:
        """Batches that are younger. Some have smaller pages than they are asked for."""
        younger: dict[str, theirs.BatchState] = {}
        before: str | None = None
        for _ in range(_MOST_PAGES):
            page = await self._batches.newest(limit=_MOST_PAGE, before=before)
            fresh = {
                state.provider_id: state
                for state in page
                if state.provider_id not in younger
                and (state.created_at is None or state.created_at > since)
            }
            younger |= fresh
            if len(fresh) < len(page) or not page:
                break
            before = page[-1].provider_id
        return list(younger.values())

    async def _is_ours(self, row: Row, state: theirs.BatchState) -> bool:
        """Of one that has not ended nobody knows."""
        if state.status is not theirs.BatchStatus.ENDED:
            return False
        call_ids: list[UUID] = []
        async with aclosing(self._batches.results(state)) as results:
            async for result in results:
                if call_id := call_id_of(result.custom_id):
                    call_ids.append(call_id)
                if len(call_ids) == _LOOKED_AT:
                    break
        if await self._database.run(calls_of_batch(row["id"], call_ids)):
            return True
        await self._database.run(
            batch_not_ours(batch_id=row["id"], provider_batch_id=state.provider_id)
        )
        return False


def _seen(batch_id: UUID, state: theirs.BatchState) -> Seen:
    counts = state.counts
    return Seen(
        id=batch_id,
        state=_STATES[state.status],
        processing=counts.processing,
        succeeded=counts.succeeded,
        errored=counts.errored,
        canceled=counts.canceled,
        expired=counts.expired,
        created_at=state.created_at,
        expires_at=state.expires_at,
        ended_at=state.ended_at,
        results_url=state.results_url,
    )
