"""Health checks: is the process up, and are its dependencies? Each check has a timeout."""

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from contextlib import suppress
from pkgutil import iter_modules
from typing import Any, TypeVar, cast

import psycopg
from django.apps import apps
from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.migrations.recorder import MigrationRecorder
from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe
from redis import RedisError

from batchgen.db.postgresql.base import DatabaseWrapper
from batchgen.redis import client as redis

T = TypeVar("T")

#: A check that takes longer counts as failed.
CHECK_S = 2.0
#: A check that hangs keeps its thread; with all of them hanging, every further check fails.
_threads = ThreadPoolExecutor(max_workers=8, thread_name_prefix="health")


@csrf_exempt  # whatever writes is refused by its method, with 405
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """The process answers."""
    return JsonResponse({"data": {"status": "ok"}, "error": None})


def check_database() -> None:
    """Query PostgreSQL; an exception means that it is away or takes no writes."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW transaction_read_only")
        if cursor.fetchone() == ("on",):
            # Another server of the URL may have taken its place, after a failover.
            cast("DatabaseWrapper", connections[DEFAULT_DB_ALIAS]).renew()
            raise RuntimeError("PostgreSQL takes no writes")


def migrations_missing() -> list[str]:
    """Names like `runs.0001_initial`, in the order in which `manage.py migrate` applies them.

    Raises:
        django.db.Error: PostgreSQL is away.
    """
    if _migrations() <= MigrationRecorder(connection).applied_migrations().keys():
        return []
    # To read all of them takes 0.2 s, which a start and a probe spare themselves.
    from django.db.migrations.executor import MigrationExecutor  # noqa: PLC0415  # see above

    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [f"{migration.app_label}.{migration.name}" for migration, _ in plan]


def _migrations() -> set[tuple[str, str]]:
    """(app, name) of all that there are, by the names of their files."""
    return {
        (app.label, module.name)
        for app in apps.get_app_configs()
        for module in iter_modules([f"{app.path}/migrations"])
        if not module.name.startswith("_")
    }


def check_migrations() -> None:
    """Look for unapplied migrations; an exception means that there are some."""
    if migrations_missing():
        raise RuntimeError("there are migrations to apply")


def check_redis() -> None:
    """Ping Redis; an exception means that it is away."""
    redis.client().ping()


def check_prefix() -> None:
    """Claim our key prefix; an exception means that another installation has it."""
    # What is away has a check of its own.
    with suppress(RedisError, psycopg.Error):
        redis.claim_prefix()


def missing(checks: Mapping[str, Callable[[], None]]) -> list[str]:
    """The names of the checks that failed, or did not end within CHECK_S."""
    futures = {name: _threads.submit(_run, check) for name, check in checks.items()}
    wait_for(futures.values(), timeout=CHECK_S)
    return [name for name, future in futures.items() if not _passed(future)]


def asked(question: Callable[[], T]) -> T | None:
    """What it answers; None where it fails, or does not within CHECK_S."""
    future = _threads.submit(_run, question)
    wait_for([future], timeout=CHECK_S)
    return future.result() if _passed(future) else None


def prefix_refusal() -> str | None:
    """Why this process must not start: another installation has our prefix in Redis.

    None also where that cannot be found out now; /readyz finds it out later.
    """
    return asked(_prefix_refusal)


def _prefix_refusal() -> str | None:
    try:
        redis.claim_prefix()
    except redis.ForeignInstallation as error:
        return str(error)
    return None


def _run(question: Callable[[], T]) -> T:
    try:
        return question()
    finally:
        connection.close()


def _passed(future: "Future[Any]") -> bool:
    if not future.done():
        future.cancel()
        return False
    return future.exception() is None
