"""Sessions behind a transaction pooler, where a server connection is shared between clients.

What is SET stays in the pooler's connection, for whoever has it next; so each transaction begins
with its own settings, which end with it. They travel in one message with its first statement: no
round trip more. Outside of a transaction block such a message is a transaction by itself.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

from psycopg import AsyncClientCursor, ClientCursor
from psycopg.abc import Buffer, Params
from psycopg.adapt import AdaptersMap, Loader
from psycopg.pq import TransactionStatus

from batchgen.db.postgresql.session import local_settings

#: PostgreSQL takes these alone or not at all.
_ALONE = re.compile(
    r"\s*(VACUUM|CLUSTER|REINDEX|ALTER\s+SYSTEM|(CREATE|DROP)\s+(DATABASE|TABLESPACE)"
    r"|(CREATE(\s+UNIQUE)?|DROP)\s+INDEX\s+CONCURRENTLY)\b",
    re.IGNORECASE,
)


def cursor_class(session: Mapping[str, str]) -> type[ClientCursor[Any]]:
    """Cursors whose transactions have these settings."""
    opening = _opening(session)

    class LocalCursor(ClientCursor[Any]):
        """Binds parameters itself: a prepared statement is a pooler's connection's."""

        def execute(
            self,
            query: Any,
            params: Params | None = None,
            *,
            prepare: bool | None = None,
            binary: bool | None = None,
        ) -> "LocalCursor":
            """As always; the first of a transaction brings the settings."""
            message = opening(self, query, params)
            if message is None:
                super().execute(query, params, binary=binary)
                return self
            super().execute(message, binary=binary)
            return self.set_result(-1)

    return LocalCursor


def async_cursor_class(session: Mapping[str, str]) -> type[AsyncClientCursor[Any]]:
    """As `cursor_class`, for a loop's connections."""
    opening = _opening(session)

    class AsyncLocalCursor(AsyncClientCursor[Any]):
        """Binds parameters itself: a prepared statement is a pooler's connection's."""

        async def execute(
            self,
            query: Any,
            params: Params | None = None,
            *,
            prepare: bool | None = None,
            binary: bool | None = None,
        ) -> "AsyncLocalCursor":
            """As always; the first of a transaction brings the settings."""
            message = opening(self, query, params)
            if message is None:
                await super().execute(query, params, binary=binary)
                return self
            await super().execute(message, binary=binary)
            return await self.set_result(-1)

    return AsyncLocalCursor


_Opening = Callable[[ClientCursor[Any] | AsyncClientCursor[Any], Any, Params | None], bytes | None]


def _opening(session: Mapping[str, str]) -> _Opening:
    """Makes of a transaction's first statement the message that brings the settings, too; None of
    one that is not the first, or goes alone."""

    @cache
    def begin(server_version: int) -> str:
        # A line of its own: PostgreSQL's errors show the line in which they are.
        return f"{local_settings(session, server_version)};\n"

    def message(
        cursor: ClientCursor[Any] | AsyncClientCursor[Any], query: Any, params: Params | None
    ) -> bytes | None:
        info = cursor.connection.info
        if info.transaction_status != TransactionStatus.IDLE:
            return None
        statement = cursor.mogrify(query, params)
        if not statement or _ALONE.match(statement):
            return None
        return (begin(info.server_version) + statement).encode()

    return message


class UTCLoader(Loader):
    """Times as UTC, whatever time zone the last server connection that answered spoke of."""

    #: Django looks whether a cursor needs a loader of its own.
    timezone = UTC

    def load(self, data: Buffer) -> datetime:
        """From `2026-11-25 23:42:32.123456+00`."""
        return datetime.fromisoformat(bytes(data).decode()).astimezone(UTC)


def adapters(context: AdaptersMap) -> AdaptersMap:
    """A copy of Django's, which reads times by itself."""
    copied = AdaptersMap(context)
    copied.register_loader("timestamptz", UTCLoader)
    return copied
