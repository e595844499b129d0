"""The backend that settings.DATABASES names; Django looks for `DatabaseWrapper` here."""

import select
import time
from types import TracebackType
from typing import Any
from weakref import WeakKeyDictionary

import psycopg
from django.db import OperationalError
from django.db.backends.base.base import NO_DB_ALIAS
from django.db.backends.postgresql import base
from django.db.utils import DatabaseErrorWrapper
from django.utils.functional import cached_property
from psycopg_pool import AsyncConnectionPool, ConnectionPool
from psycopg_pool.base import BasePool

from batchgen.db.postgresql import pooled
from batchgen.db.postgresql.session import session_settings, startup_options

#: So long after its last use a connection is not asked whether it still answers.
_GOOD_FOR_S = 1.0
_used_at: WeakKeyDictionary[psycopg.Connection, float] = WeakKeyDictionary()
#: A pool is not renewed more often, so that a server that stays read-only is not flooded.
_RENEW_S = 1.0
_renewed_at: dict[BasePool, float] = {}


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's backend, with batchgen's session (DATABASES' SESSION) on every connection."""

    def get_connection_params(self) -> dict[str, Any]:
        """Those of Django and of the session, for this backend's pool and for the engine's."""
        parameters: dict[str, Any] = super().get_connection_params()
        if self.alias == NO_DB_ALIAS:
            return parameters
        session = self.settings_dict["SESSION"]
        if self.settings_dict["POOLED"]:
            own = {
                "cursor_factory": pooled.cursor_class(session),
                "context": pooled.adapters(parameters["context"]),
            }
        else:
            own = {"options": startup_options(session, parameters.get("options", ""))}
        return {**parameters, **own}

    def get_new_connection(self, conn_params: dict[str, Any]) -> psycopg.Connection:
        """The pool's next connection that answers.

        A server that restarts leaves the pool full of dead ones. The pool's own check waits a
        second after the first of them and twice as long after each other, so that from the third
        on whoever asks is refused.

        Raises:
            psycopg.OperationalError: none came in time.
        """
        began = time.monotonic()
        while True:
            connection: psycopg.Connection = super().get_new_connection(conn_params)
            if not self.pool or self._is_alive(connection):
                return connection
            self.pool.putconn(connection)
            # Where packets are swallowed each takes seconds to be known for dead.
            if time.monotonic() - began > self.pool.timeout:
                raise psycopg.OperationalError("No connection of the pool answers.")

    def _is_alive(self, connection: psycopg.Connection) -> bool:
        # A pooler's connection stays when the server's behind it is gone.
        if not self.settings_dict["POOLED"] and _is_quiet(connection):
            return True
        return _answers(connection)

    def _close(self) -> None:
        if self.connection is not None:
            _used_at[self.connection] = time.monotonic()
        super()._close()  # type: ignore[misc]  # the stubs leave it out

    def _configure_connection(self, connection: psycopg.Connection) -> bool:
        """What Django asks of each new connection; True where it left a transaction open.

        Django's own would set the time zone, which the session has and a pooler's may not.
        """
        if not self.settings_dict["POOLED"]:
            for statement in session_settings(connection.info.server_version):
                connection.execute(statement.encode())
        return False

    @cached_property
    def wrap_database_errors(self) -> DatabaseErrorWrapper:
        """Turns psycopg's errors into Django's."""
        return _Errors(self)

    def renew(self) -> None:
        """Leave this connection and the pool's: their server has become a standby."""
        if self.connection is not None:
            self.connection.close()
        self.close()
        if self.pool:
            renew(self.pool)


class _Errors(DatabaseErrorWrapper):
    """A server that takes no writes is one that is away: another may have taken its place."""

    wrapper: DatabaseWrapper

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if isinstance(exc_value, psycopg.errors.ReadOnlySqlTransaction):
            self.wrapper.renew()
            raise OperationalError(*exc_value.args).with_traceback(traceback) from exc_value
        super().__exit__(exc_type, exc_value, traceback)


def _is_quiet(connection: psycopg.Connection) -> bool:
    """Whether it was good a moment ago, and its server has said nothing since: whoever ends a
    connection says so. To ask costs a round trip, a tenth of a small read."""
    if connection.closed or time.monotonic() - _used_at.get(connection, 0.0) > _GOOD_FOR_S:
        return False
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return not poll.poll(0)


def _answers(connection: psycopg.Connection) -> bool:
    try:
        ConnectionPool.check_connection(connection)
    except psycopg.Error:
        connection.close()
        return False
    return True


def renew(pool: ConnectionPool[Any]) -> None:
    """Have the pool connect anew, to whichever server of the URL takes writes now."""
    if _is_due(pool):
        pool.drain()


async def renew_async(pool: AsyncConnectionPool[Any]) -> None:
    """As `renew`, of a loop's pool."""
    if _is_due(pool):
        await pool.drain()


def _is_due(pool: BasePool) -> bool:
    now = time.monotonic()
    if now - _renewed_at.get(pool, float("-inf")) <= _RENEW_S:
        return False
    _renewed_at[pool] = now
    return True
