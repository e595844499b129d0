"""Every pattern that reads texts from outside is linear: four times the text, four times the work.

Nothing is measured unless it takes long, so that a busy machine decides nothing.
"""

import ast
import importlib
import pkgutil
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from django.contrib import admin

import batchgen
import content
import epics
import limiter
import providers
import quality
import runs
import simulator
import workers
from simulator.writing.wording import MOST_CHARS, benefit_clause, parse_statement, single_want
from tests.hostile_texts import hostile, is_slow

_PACKAGES = (
    batchgen,
    content,
    epics,
    limiter,
    providers,
    quality,
    runs,
    simulator,
    workers,
)
#: What operators write in settings, and what their own servers print.
_OF_OPERATORS = ("batchgen.local", "batchgen.db.postgresql", "batchgen.redis.url", "batchgen.env")
#: Their patterns are met by importing others, or they are no modules of the product.
_NOT_IMPORTED = (".migrations", ".management", ".urls", "__main__")
#: Reads no more of a text than `MOST_CHARS`; see the test of that.
_BOUNDED = "simulator.writing.wording"
_CHARS = 500


def _modules() -> Iterator[str]:
    for package in _PACKAGES:
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.startswith(_OF_OPERATORS) and not any(
                part in module.name for part in _NOT_IMPORTED
            ):
                yield module.name


def _patterns(value: object, name: str) -> Iterator[tuple[str, "re.Pattern[str]"]]:
    if isinstance(value, re.Pattern) and isinstance(value.pattern, str):
        yield name, value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _patterns(inner, f"{name}[{key!r}]")
    elif isinstance(value, list | tuple | frozenset):
        for place, inner in enumerate(value):
            yield from _patterns(inner, f"{name}[{place}]")
    elif hasattr(value, "__dataclass_fields__") and not isinstance(value, type):
        for field in value.__dataclass_fields__:
            yield from _patterns(getattr(value, field, None), f"{name}.{field}")


def _source(name: str) -> str:
    path = importlib.import_module(name).__file__
    assert path
    return Path(path).read_text()


def _all() -> dict[str, tuple["re.Pattern[str]", set[str]]]:
    """Each pattern, and how it is used where that is only at a text's beginning."""
    found: dict[str, tuple[re.Pattern[str], set[str]]] = {}
    for name in _modules():
        if name == _BOUNDED:
            continue
        source = _source(name)
        for where, pattern in _patterns(vars(importlib.import_module(name)), name):
            variable = where.removeprefix(f"{name}['").split("'", 1)[0]
            used = set(re.findall(rf"\b{variable}\.(\w+)\(", source))
            found[where] = pattern, used if used <= {"match", "fullmatch"} else set()
    return found


def _read(pattern: "re.Pattern[str]", used: set[str], text: str) -> None:
    for method in used:
        getattr(pattern, method)(text)
    if not used:
        for _ in pattern.finditer(text):
            pass


admin.autodiscover()  # what changes others' registrations is imported behind them
_ALL = _all()


def test_the_patterns_are_found() -> None:
    assert len(_ALL) > 60
    assert any(name.startswith("epics.files.markdown") for name in _ALL)


@pytest.mark.parametrize("name", _ALL)
def test_a_pattern_is_linear(name: str) -> None:
    read = partial(_read, *_ALL[name])
    slow = [
        (little[:10], len(much))
        for little, much in zip(hostile(_CHARS), hostile(4 * _CHARS), strict=True)
        if is_slow(read, little, much)
    ]
    assert not slow


@pytest.mark.parametrize("read", [parse_statement, single_want, benefit_clause])
def test_the_simulator_reads_no_further_than_a_story_goes(read: Callable[[str], object]) -> None:
    for text in hostile(40 * MOST_CHARS):
        assert read(text) == read(text[:MOST_CHARS])


def _inline(name: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(_source(name))):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Name)
            and node.func.value.id == "re"
            and node.func.attr not in {"compile", "escape"}
        ):
            yield f"{name}:{node.lineno}"


def test_no_pattern_is_hidden_in_a_function() -> None:
    """What the test above cannot see, it cannot measure."""
    assert [place for name in _modules() for place in _inline(name)] == []
