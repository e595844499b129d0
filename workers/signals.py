"""Ties the worker's life to Celery's."""

import gc
import logging
import sys
import time
from typing import Any

import psycopg
from celery import bootsteps, signals
from celery.exceptions import WorkerShutdown
from django.conf import settings
from django.db import Error as DjangoDatabaseError
from redis import RedisError

from batchgen.celery import app
from batchgen.db.postgresql.compatibility import IncompatibleServer, check_compatibility
from batchgen.http.health import migrations_missing
from batchgen.redis import client as redis
from batchgen.tracing import spans
from providers.registry import account_of
from workers import http_port, process
from workers.process import WorkerProcess

log = logging.getLogger(__name__)

_START_AGAIN_S = 2
#: Of a provider, beside one for each of the worker's lanes.
_SPARE_CONNECTIONS = 8
#: How long a thread may hold the interpreter while others wait, in seconds. With Python's own 5 ms
#: the loop would wait that long for the reconciler's thread each time.
_SWITCH_INTERVAL_S = 0.001


@signals.worker_init.connect
def start(sender: Any = None, **_: object) -> None:
    """Register the worker, and wait for PostgreSQL where it is away; calls can be made later.

    Where it would not do, the worker ends at once.
    """
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    http_port.serve()
    spans.start("worker")
    connections = sender.concurrency + _SPARE_CONNECTIONS
    worker = WorkerProcess(
        name=sender.hostname,
        concurrency=sender.concurrency,
        connect=lambda name: account_of(name).connect(max_connections=connections),
    )
    try:
        check_compatibility()
    except IncompatibleServer as error:
        sys.exit(str(error))
    while not _started(worker):
        time.sleep(_START_AGAIN_S)
    process.set_current(worker)
    log.info("%s answers with %s (%s)", worker.name, settings.MODEL, settings.PROVIDER_NAME)


def _started(worker: WorkerProcess) -> bool:
    """Whether it could be; else the log says what it waits for."""
    try:
        if missing := migrations_missing():
            log.warning(
                "PostgreSQL lacks migrations (%s of them, from %s on): run `manage.py migrate`. "
                "Looking again in %s s.",
                len(missing),
                missing[0],
                _START_AGAIN_S,
            )
            return False
        _claim_prefix()
        worker.start()
    except (DjangoDatabaseError, psycopg.Error) as error:
        log.warning("PostgreSQL is away, again in %s s: %s", _START_AGAIN_S, error)
        return False
    return True


@signals.worker_ready.connect
def await_client(**_: object) -> None:
    """Connected to the broker, before the first message: calls can be made, or the worker ends."""
    worker = process.current()
    # Redis may have been away until now.
    _claim_prefix()
    try:
        worker.await_client()
    except Exception as error:
        log.critical("%s ends: it cannot call the provider. %s", worker.name, error, exc_info=error)
        raise WorkerShutdown(1) from error
    # What a start makes stays. A full collection that walks through it stops all threads for 0.2 s,
    # in which items that were claimed wait for their calls to start.
    gc.freeze()
    worker.start_pulling()


def _claim_prefix() -> None:
    """End a worker that would read another installation's messages; Redis may be away."""
    try:
        redis.claim_prefix()
    except redis.ForeignInstallation as error:
        log.critical("%s", error)
        raise WorkerShutdown(1) from error
    except RedisError as error:
        log.warning("Redis is away: %s", error)


@signals.worker_shutting_down.connect
def drain(how: str = "", **_: object) -> None:
    """A signal to stop was heard: no new items. A cold stop has those under way given back now."""
    worker = process.current()
    worker.drain()
    if how == "Cold":
        worker.give_up()


class LeaveFleet(bootsteps.StartStopStep):
    """Ends the worker process's part, warm or cold, before Celery's own thread pool."""

    requires = ("celery.worker.components:Pool",)

    def start(self, parent: Any) -> None:
        """`start` above has done it: a worker is registered before it connects to the broker."""

    def stop(self, parent: Any) -> None:
        """A warm stop: once the items under way have ended."""
        process.current().stop()
        process.set_current(None)

    def terminate(self, parent: Any) -> None:
        """A cold one."""
        process.current().give_up()
        self.stop(parent)


app.steps["worker"].add(LeaveFleet)
