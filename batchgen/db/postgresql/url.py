"""DATABASE_URL, read as libpq reads it: several hosts, sockets and all of its parameters."""

import re
from typing import Any

import psycopg
from django.core.exceptions import ImproperlyConfigured
from psycopg.conninfo import conninfo_to_dict

from batchgen.db.postgresql.session import RELIED_ON, settings_of

_SCHEME = re.compile(r"([A-Za-z][\w+.-]*):")
_PORTS = re.compile(r"[\d,]*")
_LIKE = "postgresql://user:password@host:5432/name"
#: A network that drops packets without a word is noticed: otherwise a connection waits a quarter of
#: an hour for what it sent to be taken, and two hours when it only listens. Milliseconds, seconds.
_PATIENCE = {
    "tcp_user_timeout": 5000,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
}
#: The same of the server's end, for a session is ours alone: of a host that is gone it would keep a
#: transaction that was under way, and all locks of it, for two hours.
_SERVERS_PATIENCE = (
    "-c tcp_user_timeout=5000 -c tcp_keepalives_idle=5 "
    "-c tcp_keepalives_interval=2 -c tcp_keepalives_count=3"
)
#: A form's encoding of a space, which libpq leaves as it is.
_PLUS_FOR_SPACE = re.compile(r"\+(?=-c\b|--)|(?<=-c)\+")


def database(url: str, *, pooled: bool, pool_size: int) -> dict[str, Any]:
    """An entry of Django's DATABASES.

    Beside Django's keys it has SESSION, the settings of every session by name, and POOLED.

    Args:
        pooled: a transaction pooler stands between; nothing may outlive a transaction.
        pool_size: connections that each of a process's pools may hold.

    Raises:
        ImproperlyConfigured: it is no PostgreSQL address, and what to write instead.
    """
    given = _parameters(url)
    options = _PLUS_FOR_SPACE.sub(" ", given.pop("options", ""))
    session = {**RELIED_ON, "statement_timeout": "0"}
    if pooled:
        # The pooler refuses them at the start of a session; each transaction begins with them.
        session |= settings_of(options)
    else:
        given["options"] = f"{_SERVERS_PATIENCE} {options}".strip()
    user = given.pop("user", "")
    name = given.pop("dbname", "" if "service" in given else user)
    if not name and "service" not in given:
        raise ImproperlyConfigured(f"DATABASE_URL names no database; write it like {_LIKE}.")
    return {
        "ENGINE": "batchgen.db.postgresql",
        "NAME": name,
        "USER": user,
        "PASSWORD": given.pop("password", ""),
        "HOST": given.pop("host", ""),
        "PORT": given.pop("port", ""),
        "CONN_MAX_AGE": 0,
        # The backend looks whether a connection answers; the pool's own look waits in between.
        "CONN_HEALTH_CHECKS": False,
        "DISABLE_SERVER_SIDE_CURSORS": pooled,
        "SESSION": session,
        "POOLED": pooled,
        "OPTIONS": {
            "application_name": "batchgen",
            "connect_timeout": 5,
            **_PATIENCE,
            **given,
            # A try to connect at least every two seconds while the server is away: by itself the
            # pool waits twice as long each time.
            "pool": {
                "min_size": 1,
                "max_size": pool_size,
                "timeout": 5,
                "reconnect_timeout": 4,
            },
        },
    }


def _parameters(url: str) -> dict[str, str]:
    """What libpq finds in it. Its own complaints have the URL in them, password and all."""
    scheme = _SCHEME.match(url)
    if scheme and scheme[1] not in {"postgresql", "postgres"}:
        raise ImproperlyConfigured(
            f"DATABASE_URL begins with {scheme[1]}:, but batchgen's engine is made of PostgreSQL's "
            f"statements and runs on nothing else; write it like {_LIKE}."
        )
    try:
        found = {name: str(value) for name, value in conninfo_to_dict(url).items() if value}
    except psycopg.Error:
        found = {}
    # A special character in the password ends it, and what follows is taken for something else.
    if (
        not found
        or "@" in found.get("host", "") + found.get("dbname", "")
        or not _PORTS.fullmatch(found.get("port", ""))
    ):
        raise ImproperlyConfigured(
            f"DATABASE_URL is not an address that PostgreSQL's library can read. Write it like "
            f"{_LIKE}, the special characters of user and password percent-encoded (@ as %40, / as "
            "%2F, ? as %3F, % as %25), with no parameters after ? but those of libpq."
        )
    return found
