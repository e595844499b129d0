"""A worker's engine in a loop of its own, which works on what a test gives it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from batchgen.redis.broker_messages import TaskMessage
from providers.anthropic.client import ProviderClient
from providers.provider import Provider
from runs.engine.dispatch import LOWEST_PRIORITY
from runs.engine.lanes import Fence
from workers.attempt import Attempt
from workers.celery_face import ItemRequest
from workers.engine import Engine
from workers.loop import LoopThread
from workers.permits import FirstCall, Permit
from workers.progress import Progress
from workers.tasks import generate_item


class Attempted:
    """An attempt at a claimed item, for a test that is no coroutine."""

    def __init__(self, loop: LoopThread, attempt: Attempt) -> None:
        self._loop = loop
        self.attempt = attempt

    @property
    def fence(self) -> Fence:
        return self.attempt.fence

    @property
    def progress(self) -> Progress:
        return self.attempt.progress

    def run(self) -> None:
        """Take it to its outcome."""
        self._loop.run(self.attempt.run())

    def abort(self) -> None:
        """Give it up, from any thread."""
        self._loop.call(self.attempt.abort)


class _Open:
    """A client that is open, for one of several engines."""

    batches = None

    def __init__(self, client: Provider) -> None:
        self.ask = client.ask

    async def open(self) -> None:
        """It is."""

    async def close(self) -> None:
        """Whoever opened it closes it."""


class Bench:
    """A loop with a client, and an engine for each worker that a test has."""

    def __init__(self, client: Provider) -> None:
        """`client` answers for every provider; it is opened and closed here."""
        self.client = client
        self.loop = LoopThread()
        self.loop.start()
        self.loop.run(client.open())
        self._engines: dict[UUID, Engine] = {}

    def engine(self, worker_id: UUID) -> Engine:
        """The worker's, opened."""
        engine = self._engines.get(worker_id)
        if engine is None:
            engine = self._engines[worker_id] = Engine(
                worker_id=worker_id,
                concurrency=8,
                connect=lambda _: _Open(self.client),
                loop=self.loop,
            )
            self.loop.run(engine.open())
        return engine

    def attempt(self, worker_id: UUID, fence: Fence, first: FirstCall) -> Attempted | None:
        """Have a worker claim the item, with a permit for its first call."""
        return self.loop.run(self._attempt(self.engine(worker_id), fence, first))

    async def _attempt(self, engine: Engine, fence: Fence, first: FirstCall) -> Attempted | None:
        permit = await engine.tools.permits.first(first, patience_s=5)
        assert isinstance(permit, Permit)
        attempt = await engine.links.attempt(fence, self.client, first, permit)
        return Attempted(self.loop, attempt) if attempt else None

    def close(self) -> None:
        """End what is under way."""
        for engine in self._engines.values():
            self.loop.run(engine.close())
        self.loop.run(self.client.close())
        self.loop.close()


@contextmanager
def bench_open(url: str, *, timeout_s: float = 5) -> Iterator[Bench]:
    """A bench whose calls go to the simulator at this address."""
    bench = Bench(ProviderClient(api_key="k", base_url=url, timeout_s=timeout_s, max_connections=8))
    try:
        yield bench
    finally:
        bench.close()


def request_make(
    fence: Fence,
    first_call: dict[str, Any],
    *,
    due_at: float | None = None,
    behind: bool = False,
    alone_s: float = 0,
) -> ItemRequest:
    """A message of a link that has come; its lane goes on by itself for `alone_s`."""
    id_ = f"{fence.lane_id}.{fence.fencing_token}"
    message = TaskMessage(
        headers={"id": id_, "task": generate_item.name},
        args=(str(fence.item_id), fence.lane_id, fence.fencing_token),
        kwargs={"first_call": first_call, "due_at": due_at},
        priority=LOWEST_PRIORITY if behind else 3,
        raw=b"{}",
    )
    request = ItemRequest(message, task=generate_item, hostname="w1@test")
    request.alone_until = time.monotonic() + alone_s
    return request
