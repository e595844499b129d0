"""A worker process: its lease, what it is doing, and how it starts and stops.

Celery's threads call `work`. Two threads of our own go on beside them: one renews the
lease and reports progress, the other runs the reconciler.
"""

import logging
import threading
import time
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

from batchgen.db.clock import DATABASE, database_now
from batchgen.db.ids import new_id
from batchgen.db.pools import close_engine_pool
from batchgen.db.sql import run
from content.registry import kind_named
from limiter.permit_queue import TryLater
from providers.provider import Provider
from runs.engine import reconciler
from runs.engine.dispatch import message_id
from runs.engine.lanes import Fence, Parking, lane_park
from runs.engine.queries import QUERIES
from runs.engine.reconciler import LostMessageDetector, Round
from runs.models import Worker
from workers.attempt import Attempt, attempt_begin
from workers.clients import Clients
from workers.permits import FirstCall, Permit, Permits
from workers.progress import CLAIMED, CallTimes, Reached
from workers.slots import Slots

log = logging.getLogger(__name__)

#: A claim is in PostgreSQL a moment before its attempt is in this process.
_ORPHAN_AFTER_S = 2.0
#: Heartbeats without a gap after which this worker may say of others that they missed theirs.
_STEADY_BEATS = 3


class Stopping(Exception):
    """This worker takes no new epics."""


class WorkerProcess:
    """This process as a worker. Celery's signals make it, start it and stop it."""

    def __init__(self, *, name: str, concurrency: int, connect: Callable[[str], Provider]) -> None:
        """`connect` makes a client, not opened yet, of the provider that has a name."""
        self.id: UUID = new_id()
        self.name = name
        self._concurrency = concurrency
        self._clients = Clients(connect)
        self._permits = Permits(process=self.id)
        self._slots = Slots(concurrency)
        self._attempts: dict[int, Attempt] = {}
        self._times = CallTimes()
        self._reported: dict[Fence, Reached] = {}
        self._orphans: list[str] = []
        self._lost_messages = LostMessageDetector()
        self._beaten_at = self._steady_since = float("-inf")
        self._stopping = threading.Event()
        self._closed = threading.Event()
        self._threads = [
            threading.Thread(target=self._every, args=args, name=args[0].__name__, daemon=True)
            for args in (
                (self.heartbeat, settings.HEARTBEAT_S),
                (self.reconcile, settings.RECONCILE_S),
            )
        ]

    def start(self) -> None:
        """Register the worker, start its heartbeat and reconciler, and begin to open its client.

        Raises:
            django.db.Error: PostgreSQL is away.
        """
        # By the database's clock, as everything that is compared: this host's may be wrong.
        Worker.objects.create(
            id=self.id,
            name=self.name,
            concurrency=self._concurrency,
            started_at=Now(),
            heartbeat_at=Now(),
            lease_until=Now() + timedelta(seconds=settings.WORKER_LEASE_S),
        )
        for thread in self._threads:
            thread.start()
        # Importing the SDK takes longer than all else. Celery's own start goes on meanwhile, and
        # the reconciler takes back what an earlier worker left.
        threading.Thread(target=self._open_client, name="open-client", daemon=True).start()

    def await_client(self) -> None:
        """Wait until calls to the configured provider can be made.

        Raises:
            Exception: they cannot: see `Clients.of`.
        """
        self._clients.of(settings.PROVIDER_NAME)

    def _open_client(self) -> None:
        try:
            self._permits.open(settings.MODEL)
            self.await_client()
        except Exception as error:
            # Before its first message the worker asks again, and ends if that is of no use either.
            log.warning("no client of %s: %s", settings.PROVIDER_NAME, error)
        finally:
            close_old_connections()

    def work(
        self, fence: Fence, first: FirstCall, *, due_at: float | None, requeued: bool = False
    ) -> None:
        """Do one link of a lane's chain; nothing when its message is late or doubled.

        Where the limiter has no permit for the first call soon, the lane is parked. An item whose
        kind makes no calls needs none.

        Args:
            requeued: the message has let those of others go first.

        Raises:
            Stopping: the worker stops; nothing was claimed.
            FairShareReached: the user has its share of the slots; nothing was claimed.
        """
        self._slots.take(first.user, weight=first.weight, requeued=requeued)
        try:
            self._work(fence, first, due_at)
        finally:
            self._slots.free(first.user)

    def _work(self, fence: Fence, first: FirstCall, due_at: float | None) -> None:
        calls = kind_named(first.kind).uses_provider
        # A claimed item's call must begin at once: a pause counts on it.
        client = self._clients.of(first.provider) if calls else None
        self._await_turn(due_at)
        permit = self._first_permit(first) if calls else None
        if isinstance(permit, TryLater):
            run(lane_park(Parking(fence=fence, reason=permit.reason, wait_s=permit.seconds)))
            return
        attempt = attempt_begin(
            fence=fence,
            worker_id=self.id,
            client=client,
            permits=self._permits,
            first=first,
            permit=permit,
            times=self._times,
        )
        if attempt is None:
            log.debug("late or doubled: lane %s.%s", fence.lane_id, fence.fencing_token)
        else:
            self._run(attempt)

    def _await_turn(self, due_at: float | None) -> None:
        if due_at is not None:
            self._stopping.wait(min(due_at - database_now().timestamp(), settings.SLOT_WAIT_S))
        if self._stopping.is_set():
            raise Stopping

    def _first_permit(self, first: FirstCall) -> Permit | TryLater:
        permit = self._permits.first(first, patience_s=settings.SLOT_WAIT_S)
        if isinstance(permit, Permit) and self._stopping.is_set():
            permit.unused()
            raise Stopping
        return permit

    def _run(self, attempt: Attempt) -> None:
        lane_id = attempt.fence.lane_id
        self._attempts[lane_id] = attempt
        try:
            attempt.run()
        finally:
            if self._attempts.get(lane_id) is attempt:
                del self._attempts[lane_id]

    def drain(self) -> None:
        """Take no new epics; those under way have the grace period to end, then are given back."""
        self._stopping.set()
        threading.Thread(target=self._give_up, daemon=True).start()

    def _give_up(self) -> None:
        if not self._closed.wait(settings.STOP_GRACE_S):
            for attempt in list(self._attempts.values()):
                attempt.abort()

    def stop(self) -> None:
        """Leave the fleet: what is still under way goes to other workers at once."""
        self._stopping.set()
        self._closed.set()
        for thread in self._threads:
            thread.join(timeout=5)
        self._clients.close()
        Worker.objects.filter(id=self.id).update(stopped_at=Now())
        close_engine_pool()

    def heartbeat(self) -> None:
        """Renew the lease, report progress, and find lanes that nobody here runs."""
        mine = dict(self._attempts)
        rows = self._renew_lease(mine)
        self._note_heartbeat()
        self._slots.users = QUERIES.fetch("users_at_work", {})[0]["users"]
        held = {(row["lane_id"], row["fencing_token"]) for row in rows if not row["cancel"]}
        for attempt in mine.values():
            if (attempt.fence.lane_id, attempt.fence.fencing_token) not in held:
                # To be cancelled, stale, or ending just now: then there is no call to abort.
                attempt.abort()
        self._orphans = [
            message_id(row["lane_id"], row["fencing_token"])
            for row in rows
            if row["age_s"] > _ORPHAN_AFTER_S and row["lane_id"] not in self._attempts
        ]

    def _renew_lease(self, mine: Mapping[int, Attempt]) -> list[dict[str, Any]]:
        """Renew it, and say how far each attempt is that got on; the lanes that this worker has."""
        reached = {attempt.fence: attempt.progress.reached() for attempt in mine.values()}
        news = [
            {**fence.params(), "item_id": str(fence.item_id), **asdict(now)}
            for fence, now in reached.items()
            if self._reported.get(fence, CLAIMED).place != now.place
        ]
        rows = QUERIES.fetch(
            "worker_beat",
            {
                "worker_id": self.id,
                "lease_s": float(settings.WORKER_LEASE_S),
                "clock_ahead_s": DATABASE.host_ahead_s(),
                "reached": Jsonb(news),
            },
        )
        self._reported = reached
        return rows

    def reconcile(self) -> Round:
        """One round of the reconciler, and what the limiter was not told yet."""
        self._permits.flush()
        return reconciler.reconcile(
            orphans=self._orphans, judge=self._is_steady(), detector=self._lost_messages
        )

    def _note_heartbeat(self) -> None:
        now = time.monotonic()
        if now - self._beaten_at > settings.WORKER_LEASE_S / 2:
            self._steady_since = now
        self._beaten_at = now

    def _is_steady(self) -> bool:
        """Whether a lease that ran out tells of a death.

        After a pause of everything (a machine that slept, a database that hung) all leases have
        run out, and each worker needs a heartbeat to renew its own.
        """
        now = time.monotonic()
        return (
            now - self._beaten_at < settings.WORKER_LEASE_S / 2
            and now - self._steady_since >= _STEADY_BEATS * settings.HEARTBEAT_S
        )

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


def set_current(worker: WorkerProcess | None) -> None:
    """Make `worker` this process's worker, or none."""
    global _current  # noqa: PLW0603  # one worker a process is the point
    _current = worker
