"""A worker process: its lease, what it is doing, and how it starts and stops.

Items are worked on in the loop (workers/engine.py). Four threads of our own go on beside it: one
renews the lease and reports progress, one runs the reconciler, one sends to webhooks, one notices
runs' health; none waits for the loop, or for another.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
from django.conf import settings
from django.db import Error as DjangoDatabaseError
from django.db import close_old_connections
from django.db.models.functions import Now
from psycopg.types.json import Jsonb

from batchgen.db.clock import DATABASE
from batchgen.db.ids import new_id
from batchgen.db.pools import close_engine_pool
from batchgen.redis.broker_messages import TaskMessage
from batchgen.tracing import spans
from providers.provider import Provider
from runs.engine import reconciler
from runs.engine.dispatch import message_id
from runs.engine.queries import QUERIES
from runs.engine.reconciler import LostMessageDetector, Round
from runs.health_history import health_notice, is_first, loneliness_notice
from runs.models import Worker
from runs.webhooks.delivering import deliver
from workers.attempt import Attempt
from workers.celery_face import Consumer
from workers.engine import Engine
from workers.heartbeats import Heartbeats
from workers.loop import LoopThread
from workers.progress import RoundRobin

log = logging.getLogger(__name__)

#: A claim is in PostgreSQL a moment before its attempt is in this process; longer where the loop is
#: behind.
_ORPHAN_AFTER_S = 2.0
#: How often Celery's thread hears what is worked on.
_CELERY_STATE_S = 0.25
#: Attempts whose progress one heartbeat looks at, in turns: nobody watches thousands, and each
#: would be a row to build and to write, twice a second.
_MOST_TOLD = 100
#: How often a worker looks whether there is something to send to webhooks.
_WEBHOOKS_S = 1.0
#: A loop that does not come round for so long is not going to.
_HANGS_S = 30.0
#: And whether the health of runs is another one.
_HEALTH_S = 5.0


class WorkerProcess:
    """This process as a worker. Celery's signals make it, start it and stop it."""

    def __init__(self, *, name: str, concurrency: int, connect: Callable[[str], Provider]) -> None:
        """`connect` makes a client, not opened yet, of the provider that has a name."""
        self.id: UUID = new_id()
        self.name = name
        self._concurrency = concurrency
        self._loop = LoopThread()
        self._beats = Heartbeats()
        self.engine = Engine(
            worker_id=self.id,
            concurrency=concurrency,
            connect=connect,
            loop=self._loop,
            is_served=self._beats.are_heard,
        )
        self._told_next: RoundRobin[Attempt] = RoundRobin(_MOST_TOLD)
        self._orphans: list[str] = []
        self._lost_messages = LostMessageDetector()
        self._catching_up: Any = None
        self._closed = threading.Event()
        self._drained = threading.Event()
        self._threads = [
            threading.Thread(target=self._every, args=args, name=args[0].__name__, daemon=True)
            for args in (
                (self.heartbeat, settings.HEARTBEAT_S),
                (self.reconcile, settings.RECONCILE_S),
                (self.webhooks, _WEBHOOKS_S),
                (self.health, _HEALTH_S),
            )
        ]

    def start(self) -> None:
        """Register the worker, start its heartbeat and reconciler, and begin to open its client.

        Raises:
            django.db.Error: PostgreSQL is away.
        """
        loneliness_notice()
        # By the database's clock, as everything that is compared: this host's may be wrong.
        Worker.objects.create(
            id=self.id,
            name=self.name,
            concurrency=self._concurrency,
            monthly_budget_micro_usd=settings.MONTHLY_BUDGET_MICRO_USD,
            started_at=Now(),
            heartbeat_at=Now(),
            lease_until=Now() + timedelta(seconds=settings.WORKER_LEASE_S),
        )
        self._beats.note()  # the first one: from here on PostgreSQL is known to answer
        # The loop goes by what is known of PostgreSQL's clock; heartbeats keep it fresh.
        DATABASE.now()
        self._loop.start()
        self._loop.run(self.engine.open())
        for thread in self._threads:
            thread.start()
        # Importing the SDK takes longer than all else. Celery's own start goes on meanwhile, and
        # the reconciler takes back what an earlier worker left.
        self._loop.begin(self._open_client())

    def await_client(self) -> None:
        """Wait until calls to the configured provider can be made.

        Raises:
            Exception: they cannot: see `Clients.of`.
        """
        self._loop.run(self.engine.open_client())

    def attach(self, consumer: Consumer, timer: Any) -> None:
        """Celery's consumer begins, once more after it had lost Redis; `timer` is its own."""
        self._loop.call(self.engine.intake.attach, consumer)
        if self._catching_up is not None:
            self._catching_up.cancel()
        catch_up = self.engine.intake.celery_state.catch_up
        self._catching_up = timer.call_repeatedly(_CELERY_STATE_S, catch_up)

    def receive(self, message: TaskMessage) -> None:
        """Work on a message that Celery's consumer was given."""
        self._loop.call(self.engine.intake.receive, message)

    def start_pulling(self) -> None:
        """Take messages from now on."""
        self._loop.call(self.engine.start_pulling)

    async def _open_client(self) -> None:
        try:
            await self.engine.open_gate()
            await self.engine.open_client()
        except Exception as error:
            # Before its first message the worker asks again, and ends if that is of no use either.
            log.warning("no client of %s: %s", settings.PROVIDER_NAME, error)

    def drain(self) -> None:
        """Take no new items; those under way have the grace period to end, then are given back."""
        self._loop.begin(self._drain())

    async def _drain(self) -> None:
        try:
            await self.engine.drain()
        finally:
            self._drained.set()

    def give_up(self) -> None:
        """Have what is under way given back at once."""
        self._loop.call(self.engine.give_up)

    def stop(self) -> None:
        """Leave the fleet, once what is under way has ended, or was given back."""
        self.drain()
        self._drained.wait()
        self._closed.set()
        for thread in self._threads:
            thread.join(timeout=5)
        self._loop.run(self.engine.close())
        self._loop.close()
        Worker.objects.filter(id=self.id).update(stopped_at=Now())
        close_engine_pool()
        spans.stop()

    def dead(self) -> list[str]:
        """What of this process has ended, or hangs: only a new one goes on."""
        if self._closed.is_set():
            return []
        dead = [thread.name for thread in self._threads if not thread.is_alive()]
        return ["loop", *dead] if self._loop.behind_s() > _HANGS_S else dead

    def missing(self) -> list[str]:
        """What this worker lacks, by what it knows itself, to take items now."""
        there = {"intake": self.engine.intake.is_open, "database": self._beats.are_recent()}
        return [name for name, is_there in there.items() if not is_there]

    def heartbeat(self) -> None:
        """Renew the lease, report progress, and find lanes that nobody here runs."""
        self._loop.watch()
        mine = dict(self.engine.attempts)
        rows = self._renew_lease(mine)
        self._beats.note()
        self.engine.slots.users = QUERIES.fetch("users_at_work", {})[0]["users"]
        held = {(row["lane_id"], row["fencing_token"]) for row in rows if not row["cancel"]}
        for attempt in mine.values():
            if (attempt.fence.lane_id, attempt.fence.fencing_token) not in held:
                # To be cancelled, stale, or ending just now: then there is no call to abort.
                self._loop.call(attempt.abort)
        unheard_s = _ORPHAN_AFTER_S + self._loop.behind_s()
        self._orphans = [
            message_id(row["lane_id"], row["fencing_token"])
            for row in rows
            if row["age_s"] > unheard_s and row["lane_id"] not in self.engine.attempts
        ]

    def _renew_lease(self, mine: Mapping[int, Attempt]) -> list[dict[str, Any]]:
        """Renew it, and say how far attempts are that got on; the lanes that this worker has."""
        some = self._told_next.some(list(mine.values()))
        news = [(each, now) for each in some if (now := each.progress.news())]
        rows = QUERIES.fetch(
            "worker_beat",
            {
                "worker_id": self.id,
                "lease_s": float(settings.WORKER_LEASE_S),
                "clock_ahead_s": DATABASE.host_ahead_s(),
                "reached": Jsonb(
                    [
                        {**one.fence.params(), "item_id": str(one.fence.item_id), **asdict(now)}
                        for one, now in news
                    ]
                ),
            },
        )
        for one, now in news:
            one.progress.told = now.place
        return rows

    def reconcile(self) -> Round:
        """One round of the reconciler."""
        return reconciler.reconcile(
            orphans=self._orphans, judge=self._beats.are_steady(), detector=self._lost_messages
        )

    def webhooks(self) -> int:
        """Send what is due; how many attempts were made."""
        return deliver(self._closed.is_set)

    def health(self) -> int:
        """Write down what changed in runs' health, where this worker is the one that does."""
        return health_notice() if is_first(self.id) else 0

    def _every(self, step: Callable[[], object], interval_s: float) -> None:
        while not self._closed.wait(interval_s):
            try:
                step()
            except (psycopg.Error, DjangoDatabaseError) as error:
                log.warning("%s: %s; again in %.2g s", step.__name__, error, interval_s)
            except Exception:
                log.exception("%s failed; again in %.2g s", step.__name__, interval_s)
            finally:
                close_old_connections()


_current: WorkerProcess | None = None


def current() -> WorkerProcess:
    """The process's worker; it exists from Celery's start on."""
    if _current is None:
        raise RuntimeError(
            "This process is not a worker: start it with `celery -A batchgen worker`."
        )
    return _current


def started() -> WorkerProcess | None:
    """The process's worker, once it is registered and until it has left."""
    return _current


def set_current(worker: WorkerProcess | None) -> None:
    """Make `worker` this process's worker, or none."""
    global _current  # noqa: PLW0603  # one worker a process is the point
    _current = worker
