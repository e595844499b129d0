"""The test database between tests."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

from django.apps import apps
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.migrations.executor import MigrationExecutor

from batchgen.db.pools import close_engine_pool
from batchgen.db.postgresql.base import DatabaseWrapper
from runs.apps import profiles_ensure
from tests.pgbouncer import console

#: Filled after the migrations, or by whichever process first needs it, and changed by no test.
_KEPT = {"django_content_type", "auth_permission", "batchgen_installation"}
#: One transaction, at whose end the foreign keys are checked: the order does not matter.
_DELETE = """
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY %s::text[] LOOP
        EXECUTE format('DELETE FROM %%I', name);
    END LOOP;
    -- Which lets no line be deleted.
    IF EXISTS (SELECT FROM runs_ledgerline) THEN
        TRUNCATE runs_ledgerline;
    END IF;
END $$
"""


def rows_delete(_: Any = None) -> None:
    """Leave the rows that the migrations leave, and no other.

    In the place of Django's flush, which truncates every table and makes the permissions anew: a
    quarter of a second after each test that commits, for the few rows that most of them write.
    """
    tables = set(connection.introspection.django_table_names()) - _KEPT - {"runs_ledgerline"}
    with connection.cursor() as cursor:
        cursor.execute(_DELETE, [sorted(tables)])
    profiles_ensure(apps.get_app_config("runs"))


def connections_cut() -> None:
    """Break all connections to the test database but this thread's, as a server's restart does."""
    database = connection.settings_dict
    if settings.DATABASE_POOLED:
        for command in ("KILL", "RESUME"):
            console(settings.DATABASE_URL, f'{command} "{database["NAME"]}"')
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


@contextmanager
def database_shown(name: str) -> Iterator[None]:
    """This process on another database of the server."""
    own: str = connection.settings_dict["NAME"]
    try:
        _turn_to(name)
        yield
    finally:
        _turn_to(own)


def _turn_to(name: str) -> None:
    close_engine_pool()
    connection.close()
    cast("DatabaseWrapper", connections[DEFAULT_DB_ALIAS]).close_pool()
    connection.settings_dict["NAME"] = name


@contextmanager
def migrated_back(*targets: tuple[str, str | None]) -> Iterator[None]:
    """The database as of these migrations; afterwards as of the newest, whatever happened."""
    # Whose connections may hold what the migrations alter.
    close_engine_pool()
    latest = MigrationExecutor(connection).loader.graph.leaf_nodes()
    try:
        MigrationExecutor(connection).migrate(list(targets))
        yield
    finally:
        MigrationExecutor(connection).migrate(latest)
