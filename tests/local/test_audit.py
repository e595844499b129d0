"""What is said of pip-audit's report."""

from typing import Any

import pytest

from batchgen.local.audit import verdict

SOUND = {"name": "a", "version": "1", "vulns": []}
UNKNOWN = {"name": "b", "skip_reason": "Dependency not found on PyPI"}
FAULTY = {
    "name": "c",
    "version": "2",
    "vulns": [{"id": "PYSEC-1", "fix_versions": ["2.1"], "aliases": [], "description": ""}],
}


@pytest.mark.parametrize(
    ("dependencies", "code", "words"),
    [
        ([SOUND, UNKNOWN], 0, "1 packages audited, 1 unknown"),
        ([UNKNOWN], 0, "Not audited"),
        ([], 0, "Not audited"),
        ([SOUND, FAULTY], 1, "c 2: PYSEC-1, mended in 2.1"),
    ],
)
def test_a_verdict(dependencies: list[Any], code: int, words: str) -> None:
    found = verdict({"dependencies": dependencies, "fixes": []})
    assert found[0] == code
    assert words in found[1]
