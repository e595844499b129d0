"""Log lines carry the ids of what they belong to, for machines and for people."""

import json
import logging
import sys
from typing import Any

from batchgen.logs import AddIds, JSONFormatter, ReadableFormatter, log_bind, log_context


def record(message: str = "hello %s", **extra: Any) -> logging.LogRecord:
    logger = logging.getLogger("batchgen.test")
    made = logger.makeRecord(
        "batchgen.test", logging.WARNING, "f.py", 1, message, ("you",), None, extra=extra
    )
    AddIds().filter(made)
    return made


def as_json(made: logging.LogRecord) -> dict[str, Any]:
    line = JSONFormatter().format(made)
    assert "\n" not in line
    found: dict[str, Any] = json.loads(line)
    return found


def test_a_line_for_machines() -> None:
    with log_context(request="r1"), log_context(run="7"):
        found = as_json(record(status=200))
    at = found.pop("at")
    assert at.endswith("Z")
    assert found == {
        "level": "WARNING",
        "logger": "batchgen.test",
        "message": "hello you",
        "request": "r1",
        "run": "7",
        "status": 200,
    }


def test_a_line_for_people() -> None:
    with log_context(request="r1"):
        assert ReadableFormatter().format(record()).endswith("hello you [request=r1]")
    assert ReadableFormatter().format(record()).endswith("hello you")


def test_no_text_from_outside_makes_a_line_of_its_own() -> None:
    forged = "x\n2026-11-26 INFO batchgen: all is well\r\x1b[2J\u2028\u202e\ud800"
    with log_context(request=forged):
        line = ReadableFormatter().format(record(forged.replace("%", "%%") + " %s"))
    assert line.isprintable()
    assert line.count("\\n2026-11-26 INFO batchgen: all is well") == 2


def test_the_lines_of_a_traceback_are_set_in() -> None:
    made = record()
    try:
        raise ValueError("x\n2026-11-26 INFO batchgen: all is well")
    except ValueError:
        made.exc_info = sys.exc_info()
    _, *lines = ReadableFormatter().format(made).split("\n")
    assert all(line.startswith("    ") for line in lines)


def test_ids_end_with_their_context() -> None:
    with log_context(epic="e1"):
        log_bind(run="r1")
        assert as_json(record())["run"] == "r1"
    log_bind(run="r2")
    assert not {"run", "epic"} & set(as_json(record()))


def test_a_line_break_in_a_message_stays_in_its_line() -> None:
    found = as_json(record("one\ntwo %s"))
    assert found["message"] == "one\ntwo you"


def test_an_exception_is_one_field() -> None:
    try:
        raise ValueError("no")
    except ValueError:
        made = record()
        made.exc_info = sys.exc_info()
    assert "ValueError: no" in as_json(made)["error"]
