"""docs/reliability.md says what is tested: what it names is there."""

import ast
import re
from pathlib import Path

import pytest

from tests.mutants.catalogue import MUTANTS, Mutant

_ROOT = Path(__file__).resolve().parents[2]
_PAGE = (_ROOT / "docs" / "reliability.md").read_text()
_TESTS = "\n".join(path.read_text() for path in (_ROOT / "tests").rglob("test_*.py"))


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.guard)
def test_every_mutant_is_in_the_table_and_fits_its_file(mutant: Mutant) -> None:
    named = ", ".join(test.rpartition("::")[2] for test in mutant.tests)
    assert f"| {mutant.guard} | {named} |" in _PAGE
    text = (_ROOT / mutant.file).read_text()
    assert [text.count(old) for old, _ in mutant.changes] == [1] * len(mutant.changes)
    for change in mutant.changes:
        text = text.replace(*change)
    if mutant.file.endswith(".py"):
        ast.parse(text)  # of what is no Python no test says anything


@pytest.mark.parametrize("name", sorted(set(re.findall(r"\btest_\w+\b(?!\.py)", _PAGE))))
def test_every_test_that_is_named_exists(name: str) -> None:
    assert f"def {name}(" in _TESTS
