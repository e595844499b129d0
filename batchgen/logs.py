"""Log records with context: request, run and item ids.

Whoever knows an id sets it for all that happens inside (`log_context`, `log_bind`); every line from
there on carries it, whichever module writes it. Production writes a JSON object a line, development
a line to read.
"""

import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from pythonjsonlogger.json import JsonFormatter

#: Controls, line separators, and what turns the direction of what follows.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_ids: ContextVar[dict[str, str] | None] = ContextVar("log_ids", default=None)


@contextmanager
def log_context(**ids: object) -> Iterator[None]:
    """Lines written inside carry these ids, and those that were set around."""
    before = _ids.set({**(_ids.get() or {}), **_texts(ids)})
    try:
        yield
    finally:
        _ids.reset(before)


def log_bind(**ids: object) -> None:
    """Add ids that became known, up to the end of the `log_context` around; none: no effect."""
    around = _ids.get()
    if around is not None:
        around.update(_texts(ids))


def _texts(ids: Mapping[str, object]) -> dict[str, str]:
    return {name: str(value) for name, value in ids.items()}


class AddIds(logging.Filter):
    """Puts the ids of the moment into each record, as `ids`."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.ids = dict(_ids.get() or {})
        return True


class ReadableFormatter(logging.Formatter):
    """`time level logger: message [request=… run=…]`"""

    def __init__(self) -> None:
        super().__init__("{asctime} {levelname:<7} {name}: {message}", style="{")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # the library's name
        ids = " ".join(f"{name}={value}" for name, value in vars(record).get("ids", {}).items())
        line = super().formatMessage(record)
        return _one_line(f"{line} [{ids}]" if ids else line)

    def formatException(self, ei: Any) -> str:  # noqa: N802  # the library's name
        return "\n".join(
            f"    {_one_line(line)}" for line in super().formatException(ei).split("\n")
        )


def _one_line(text: str) -> str:
    """So that no text from outside can look like a line of its own, or move the cursor."""
    return text if text.isprintable() else _UNPRINTABLE.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()


class JSONFormatter(JsonFormatter):
    """An object a line: at, level, logger, message, the ids, what the call gave as `extra`, and
    `error` with the traceback of an exception."""

    def __init__(self) -> None:
        super().__init__(
            ["at", "levelname", "name", "message"],
            rename_fields={"levelname": "level", "name": "logger", "exc_info": "error"},
        )

    def process_log_record(self, log_data: dict[str, object]) -> dict[str, object]:
        ids = log_data.pop("ids", {})
        return {**log_data, **(ids if isinstance(ids, dict) else {})}

    def formatTime(  # noqa: N802  # the library's name
        self, record: logging.LogRecord, datefmt: str | None = None
    ) -> str:
        return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")

    def format(self, record: logging.LogRecord) -> str:
        record.at = self.formatTime(record).replace("+00:00", "Z")
        return super().format(record)
