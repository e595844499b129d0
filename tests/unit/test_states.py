"""What SQL, Lua and Python write of statuses and wait reasons is in `runs.states`."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from runs.states import BatchState, CallOutcome, ItemStatus, LaneState, RunStatus, WaitReason
from workers.decisions import GiveBack

_ROOT = Path(__file__).resolve().parents[2]
_SQL = sorted((_ROOT / "runs").rglob("*.sql"))
#: {column: what it may hold}; `status` is that of runs and that of items.
_KNOWN: dict[str, set[str]] = {
    "status": {*RunStatus, *ItemStatus},
    "state": {*LaneState, *BatchState},
    "outcome": {*CallOutcome},
    "wait_reason": {*WaitReason, ""},
}
_LITERAL = re.compile(r"'([^']*)'")


def _written(sql: str, column: str) -> Iterable[str]:
    """The literals that a column is compared with or set to."""
    compared = rf"\b{column}\s*(?:=|<>|(?:NOT )?IN)\s*(\([^)]*\)|'[^']*'|CASE.*?\bEND\b)"
    for found in re.findall(compared, sql, re.DOTALL):
        # In a CASE, what is chosen; what it is chosen by is another column's, and found as such.
        chosen = re.findall(r"(?:THEN|ELSE)\s*('[^']*')", found) if found[0] == "C" else [found]
        for text in chosen:
            yield from _LITERAL.findall(text)


@pytest.mark.parametrize("column", _KNOWN)
def test_sql_compares_and_sets_only_what_there_is(column: str) -> None:
    written = {text for path in _SQL for text in _written(path.read_text(), column)}
    assert written, "nothing was found: does the pattern still fit?"
    assert written <= _KNOWN[column]


def test_what_the_limiter_says_is_a_reason_to_wait() -> None:
    """The limiter stands below the runs, and so writes the texts themselves."""
    lua = "".join(path.read_text() for path in (_ROOT / "limiter").rglob("*.lua"))
    python = "".join(path.read_text() for path in (_ROOT / "limiter").rglob("*.py"))
    said = set(re.findall(r"\breason\s*=[^\n]*?'([a-z-]+)'", lua))
    said |= set(re.findall(r"\b(?:reason|GATE_CLOSED) = \"([a-z-]+)\"", python))
    assert "permit-" in said, "nothing was found: does the pattern still fit?"
    assert said - {"permit-"} <= set(WaitReason)  # a bucket's name follows
    assert {f"permit-{bucket}" for bucket in ("requests", "input", "output")} <= set(WaitReason)


def test_what_an_attempt_is_given_back_for_is_a_reason_to_wait() -> None:
    assert set(get_args(get_type_hints(GiveBack)["reason"])) <= set(WaitReason)
