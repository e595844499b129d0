"""Session settings that batchgen relies on, whatever server, database or role default to.

An ALTER ROLE … SET reaches all of a program's connections. How values are written as texts, how
transactions see each other and when the server gives up are not for it to choose. What it may
choose stays its own: the search path, the role, memory, and whether transactions are read-only.
"""

import re
import shlex
from collections.abc import Mapping

#: By name, each PostgreSQL's own default or what batchgen is written for.
RELIED_ON = {
    # psycopg reads times in this style alone.
    "datestyle": "ISO, MDY",
    "intervalstyle": "postgres",
    "timezone": "UTC",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    # How our literals are read.
    "standard_conforming_strings": "on",
    "array_nulls": "on",
    # An UPDATE that waited for a row sees what it became; an error would end it otherwise.
    "default_transaction_isolation": "read committed",
    "default_transaction_deferrable": "off",
    # A search may find more than this many rows.
    "gin_fuzzy_search_limit": "0",
    # A reconciler's round waits for Redis inside its transaction, an epic's end for its editor.
    "lock_timeout": "0",
    # Longer than any of ours says nothing. One of a host that is gone, or stands still, keeps its
    # rows no longer, whatever the network and a pooler believe.
    "idle_in_transaction_session_timeout": "5min",
    "idle_session_timeout": "0",
    # Our statements are short; to compile one takes longer than to run it.
    "jit": "off",
}
#: What only newer servers know: the least version, and the setting.
RELIED_ON_SINCE = {170000: ("transaction_timeout", "0")}
#: Says that the server was told of them: some poolers swallow what a session should begin with.
MARK = "batchgen.session"
#: Stands in for default_transaction_isolation, where the transaction has begun.
_ISOLATION = "SET TRANSACTION ISOLATION LEVEL READ COMMITTED"
#: What a transaction that has begun cannot be given.
OF_SESSIONS = {
    "default_transaction_isolation",
    "default_transaction_deferrable",
    "idle_session_timeout",
}
#: Lists of names, each of which SET wants quoted by itself.
_LISTS = {"search_path", "temp_tablespaces"}
_NAME = re.compile(r"[A-Za-z_][\w.]*")


def startup_options(session: Mapping[str, str], given: str = "") -> str:
    """The session's settings for libpq's `options`, after those that the URL gave."""
    settings = {**session, MARK: "1"}
    ours = (f"-c {name}={_escaped(value)}" for name, value in settings.items())
    return " ".join([given, *ours]).strip()


def local_settings(session: Mapping[str, str], server_version: int) -> str:
    """Statements that give the transaction that they begin these settings, and none after it."""
    newer = [each for least, each in RELIED_ON_SINCE.items() if server_version >= least]
    settings = [each for each in (*session.items(), *newer) if each[0] not in OF_SESSIONS]
    return "; ".join(
        [_ISOLATION, *(f"SET LOCAL {name} = {_value(name, value)}" for name, value in settings)]
    )


def session_settings(server_version: int) -> list[str]:
    """Statements for a new session, of what `startup_options` cannot ask of every server."""
    return [
        f"SET {name} = {_literal(value)}"
        for least, (name, value) in RELIED_ON_SINCE.items()
        if server_version >= least
    ]


def settings_of(options: str) -> dict[str, str]:
    """The settings in libpq's `options`, like `-c search_path=app -c work_mem=8MB`."""
    words = shlex.split(options)
    joined = re.sub(r"(^|\0)-c\0", r"\1-c", "\0".join(words)).split("\0")
    pairs = (re.sub(r"^(-c|--)", "", word).partition("=") for word in joined if word)
    return {name: value for name, _, value in pairs if _NAME.fullmatch(name)}


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace(" ", "\\ ")


def _value(name: str, value: str) -> str:
    if name.lower() not in _LISTS:
        return _literal(value)
    names = (part.strip() for part in value.split(","))
    return ", ".join(
        _literal(part[1:-1] if part.startswith('"') else part.lower()) for part in names
    )


def _literal(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
