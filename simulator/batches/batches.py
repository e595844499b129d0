"""All batches, and the work that ends them when their time has come."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress

from simulator.batches.batch import Batch
from simulator.batches.processing import process
from simulator.batches.reading import read_requests
from simulator.batches.store import Store
from simulator.http.wire import new_id
from simulator.protocol.errors import ApiError
from simulator.state.fault_actions import Action
from simulator.state.provider import Provider

TURN_S = 0.005
"""Time of one turn of the work; then others' calls are served."""


class Batches:
    """The batches of the organization. `work` has to run for any to end."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._store = Store()
        self._batches: dict[str, Batch] = {}
        self._numbers = 0
        self._cleared = 0
        self._current: Iterator[None] | None = None
        self._idle: list[Callable[[], None]] = []
        self._wake = asyncio.Event()
        self.asked: Counter[str] = Counter()

    def clear(self) -> None:
        """Forget all batches."""
        self._batches.clear()
        self._cleared = self._numbers
        self._current = None
        self._store.clear()
        self.asked.clear()
        self._wake.set()

    def create(
        self, body: bytes, version: str, plan: Action, created: Callable[[Batch], None]
    ) -> Iterator[None]:
        """Make a batch; a turn for each request, then `created` gets it.

        Args:
            plan: says when it ends, where a fault rule does.

        Raises:
            ApiError: 400 for what is refused at once, 429 for too many requests that wait.
        """
        self._numbers += 1
        number, size = self._numbers, 0
        try:
            for _, text in read_requests(body):
                self._store.add_request(number, size, text)
                size += 1
                yield
            if number <= self._cleared:
                raise ApiError(500, "The simulator was reset.")
            self._check_queue(size)
        except ApiError:
            self._store.drop_requests(number)
            raise
        created(self._add(number, size, version, plan))

    def ids(self) -> list[str]:
        """The batches that can be seen, newest first."""
        now_s = self._provider.clock.now_s()
        return [id_ for id_, batch in reversed(self._batches.items()) if _seen(batch, now_s)]

    def get(self, id_: str) -> Batch:
        """One batch.

        Raises:
            ApiError: 404 when there is none, or not yet.
        """
        batch = self._batches.get(id_)
        if batch is None or not _seen(batch, self._provider.clock.now_s()):
            raise ApiError(404, f"Message Batch {id_} not found.")
        return batch

    def cancel(self, batch: Batch) -> None:
        """Begin a cancellation; a second one changes nothing.

        Raises:
            ApiError: 400, it has ended.
        """
        if batch.ended_s is not None:
            raise ApiError(400, f"Message Batch {batch.id} has ended and cannot be canceled.")
        if batch.cancel_s is None:
            batch.cancel_s = self._provider.clock.now_s()
            batch.cancel_ends_s = batch.cancel_s + self._provider.settings.batch_cancel_s
            self._wake.set()

    def delete(self, batch: Batch) -> None:
        """Forget one batch and its results.

        Raises:
            ApiError: 400, it has not ended.
        """
        if batch.ended_s is None:
            raise ApiError(
                400,
                "In progress batches cannot be deleted. Consider canceling the batch instead.",
            )
        self._store.drop_results(batch)
        del self._batches[batch.id]

    def results(self, batch: Batch) -> Iterator[bytes]:
        """The lines of its results, read while they are sent.

        Raises:
            ApiError: 404, there are none yet, or none any more.
        """
        if batch.ended_s is None or self._provider.clock.now_s() >= batch.archived_s:
            raise ApiError(404, f"Message Batch {batch.id} has no available results.")
        return self._store.results(batch)

    def results_size(self, batch: Batch) -> int:
        """Bytes of its results."""
        return self._store.results_size(batch)

    def wake(self) -> None:
        """The clock was moved."""
        self._wake.set()

    def when_idle(self, step: Callable[[], None]) -> None:
        """Run `step` once every batch whose time has come has ended."""
        self._idle.append(step)
        self._wake.set()

    async def work(self) -> None:
        """End batches, those first whose time came first, for ever."""
        while True:
            self._current = self._current or self._begin()
            if self._current is None:
                self._run_idle()
                await self._wait()
            else:
                self._turn(self._current)
                await asyncio.sleep(0)

    def _turn(self, current: Iterator[None]) -> None:
        until_s = time.monotonic() + TURN_S
        for _ in current:
            if time.monotonic() >= until_s:
                return
        self._current = None

    def _begin(self) -> Iterator[None] | None:
        now_s = self._provider.clock.now_s()
        due = [batch for batch in self._open() if batch.due_s <= now_s]
        if not due:
            return None
        return process(min(due, key=lambda batch: batch.due_s), self._provider, self._store)

    def _run_idle(self) -> None:
        idle, self._idle = self._idle, []
        for step in idle:
            step()

    async def _wait(self) -> None:
        next_s = min((batch.due_s for batch in self._open()), default=None)
        wait_s = None if next_s is None else max(0.0, next_s - self._provider.clock.now_s())
        with suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), wait_s)
        self._wake.clear()

    def _open(self) -> Iterator[Batch]:
        return (batch for batch in self._batches.values() if batch.ended_s is None)

    def _check_queue(self, size: int) -> None:
        most = self._provider.settings.batch_queued_requests
        if most and sum(batch.size for batch in self._open()) + size > most:
            raise ApiError(
                429,
                f"This request would exceed your organization's rate limit of {most} batch "
                "requests in the processing queue. Please wait for batches to end.",
            )

    def _add(self, number: int, size: int, version: str, plan: Action) -> Batch:
        settings, now_s = self._provider.settings, self._provider.clock.now_s()
        mean_s, deviation_s = plan.ends_after_s, plan.deviation_s
        if mean_s is None:
            mean_s, deviation_s = settings.batch_ends_after_s, settings.batch_deviation_s
        batch = Batch(
            id=new_id("msgbatch"),
            number=number,
            version=version,
            size=size,
            created_s=now_s,
            ends_after_s=None if plan.never_ends else self._provider.drawn(mean_s, deviation_s),
            done=plan.done,
            hidden_until_s=now_s + plan.hidden_s,
        )
        self._batches[batch.id] = batch
        self._wake.set()
        return batch


def _seen(batch: Batch, now_s: float) -> bool:
    return now_s >= batch.hidden_until_s
