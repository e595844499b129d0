"""docs/troubleshooting.md has an entry for whatever the doctor may find."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from providers.errors import ProviderError

_ROOT = Path(__file__).resolve().parents[2]
_PAGE = (_ROOT / "docs" / "troubleshooting.md").read_text()
_HEADINGS = set(re.findall(r"^### ([A-Z_0-9]+)$", _PAGE, re.MULTILINE))
_ROOMS = ("batchgen", "content", "epics", "limiter", "providers", "runs", "web", "workers")
#: What makes a finding that somebody has to do something about.
_LEVELS = {"error", "warning"}


def _sources() -> Iterator[Path]:
    for room in _ROOMS:
        for path in (_ROOT / room).rglob("*.py"):
            if path.stem == "doctor" or path.parent.name == "doctor":
                yield path


def _makes_a_finding(called: ast.expr) -> bool:
    match called:
        case ast.Name(id=name):
            return name in _LEVELS
        case ast.IfExp(body=body, orelse=other):
            return _makes_a_finding(body) or _makes_a_finding(other)
    return False


def _codes() -> Iterator[str]:
    """The codes of errors and warnings, as the checks' sources have them."""
    for path in _sources():
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Call(func=called, args=[ast.Constant(str(code)), *_]):
                    if _makes_a_finding(called):
                        yield code


def _kinds(base: type[ProviderError]) -> Iterator[type[ProviderError]]:
    for kind in base.__subclasses__():
        if kind.__module__ == base.__module__:
            yield kind
            yield from _kinds(kind)


def test_each_code_of_the_doctor_has_an_entry_and_each_entry_a_code() -> None:
    codes = set(_codes())
    assert len(codes) > 40
    assert codes | {"BATCHGEN_W001"} == _HEADINGS


@pytest.mark.parametrize("code", sorted({kind.code for kind in _kinds(ProviderError)}))
def test_each_code_of_a_call_is_told_of(code: str) -> None:
    assert f"`{code}`" in _PAGE
