"""Doctor checks of PostgreSQL: connection, version, pooler, TLS, write access, session settings."""

from collections.abc import Iterator
from typing import Any

import psycopg
from django.conf import settings

from batchgen.db.postgresql import compatibility
from batchgen.db.postgresql.session import OF_SESSIONS, RELIED_ON
from batchgen.doctor.registry import Finding, NotChecked, check, error, ok, warning

_POOLER_TODO = "Set BATCHGEN_DATABASE_POOLED=1 for every program, or lead past the pooler."
_VERIFIED = {"verify-ca", "verify-full"}


def asked(connection: psycopg.Connection, sql: str, *params: Any) -> Any:
    """The one row of an answer."""
    return connection.execute(sql.encode(), params or None).fetchone()


def connected() -> psycopg.Connection:
    """A connection, for checks that have nothing to say of a server that is away.

    Raises:
        NotChecked: it is.
    """
    try:
        return compatibility.connect()
    except psycopg.Error as failure:
        raise NotChecked("PostgreSQL lets nobody in.") from failure


@check("database")
def database_server() -> Iterator[Finding]:
    """It lets us in, is new enough and speaks Unicode."""
    try:
        opened = compatibility.connect()
    except psycopg.Error as failure:
        yield _unreachable(failure)
        return
    with opened:
        try:
            yield ok("DATABASE_VERSION", f"{compatibility.version(opened)} answers.")
        except compatibility.IncompatibleServer as incompatible:
            yield error("DATABASE_VERSION", str(incompatible), "Upgrade the server.")
        encoding = opened.info.parameter_status("server_encoding")
        if encoding != "UTF8":
            yield error(
                "DATABASE_ENCODING",
                f"The database's encoding is {encoding}; not every text can be stored there.",
                "Make the database anew with ENCODING 'UTF8' and restore a dump into it.",
            )


def _unreachable(failure: psycopg.Error) -> Finding:
    if compatibility.refuses_options(failure):
        return error("DATABASE_POOLER", f"A pooler answers: {failure}", _POOLER_TODO)
    return error(
        "DATABASE_UNREACHABLE",
        f"PostgreSQL lets nobody in: {failure}",
        "Check DATABASE_URL, and that the server is up and lets this host and role in.",
    )


@check("database")
def database_pooler() -> Iterator[Finding]:
    """Where sessions are shared, the setting says so; and only there."""
    with connected() as connection:
        direct = settings.DATABASES["default"]["POOLED"] is False
        shared = compatibility.shares_sessions(connection, compatibility.connect)
        if direct and (compatibility.swallows_options(connection) or shared):
            yield error(
                "DATABASE_POOLER",
                "A connection pooler stands before PostgreSQL, and batchgen was not told.",
                _POOLER_TODO,
            )
        elif not direct and asked(connection, "SELECT pg_backend_pid()")[0] == (
            connection.info.backend_pid
        ):
            yield warning(
                "DATABASE_NOT_POOLED",
                "BATCHGEN_DATABASE_POOLED is set, and no pooler stands before PostgreSQL.",
                "Unset it: prepared statements are quicker.",
            )


@check("database")
def database_tls() -> Iterator[Finding]:
    """On a way that others can listen to, TLS is used and the server's name is verified."""
    with connected() as connection:
        host = connection.info.host
        if _is_near(host):
            return
        if not connection.pgconn.ssl_in_use:
            yield warning(
                "DATABASE_NO_TLS",
                f"The connection to {host} is not encrypted.",
                "Add ?sslmode=verify-full&sslrootcert=… to DATABASE_URL, unless the network is "
                "yours alone.",
            )
        elif connection.info.get_parameters().get("sslmode") not in _VERIFIED:
            yield warning(
                "DATABASE_TLS_UNVERIFIED",
                f"The connection to {host} is encrypted, but who answers is not verified.",
                "Add ?sslmode=verify-full&sslrootcert=… to DATABASE_URL.",
            )
        else:
            yield ok("DATABASE_TLS", "The connection is encrypted, and the server verified.")


def _is_near(host: str) -> bool:
    """A socket, this machine, or a name without dots, as of a container."""
    return host.startswith("/") or host in {"127.0.0.1", "::1"} or not set(".:") & set(host)


@check("database")
def database_writes() -> Iterator[Finding]:
    """The server takes writes."""
    with connected() as connection:
        (read_only,) = asked(connection, "SHOW transaction_read_only")
        if read_only == "off":
            return
        (standby,) = asked(connection, "SELECT pg_is_in_recovery()")
        (source,) = asked(
            connection,
            "SELECT source FROM pg_settings WHERE name = 'default_transaction_read_only'",
        )
        yield error(
            "DATABASE_READ_ONLY",
            "The server is a standby and takes no writes."
            if standby
            else f"Transactions are read-only here, by default_transaction_read_only ({source}).",
            "Name all servers in DATABASE_URL, with ?target_session_attrs=read-write."
            if standby
            else "Turn the setting off where it was turned on: the server, database or role.",
        )


@check("database")
def database_session() -> Iterator[Finding]:
    """What every session relies on holds there."""
    session = settings.DATABASES["default"]["SESSION"]
    names = [name for name in RELIED_ON if name not in OF_SESSIONS]
    with connected() as connection:
        rows = connection.execute(
            b"SELECT name, current_setting(name) FROM unnest(%s::text[]) AS name", [names]
        ).fetchall()
    wrong = [f"{name} is {value}" for name, value in rows if value != session[name]]
    if wrong:
        yield error(
            "DATABASE_SETTINGS",
            f"Something on the way to PostgreSQL keeps settings to itself: {', '.join(wrong)}.",
            _POOLER_TODO,
        )
