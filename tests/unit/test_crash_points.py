"""The fault suite kills workers before and after functions that it knows by name: they exist."""

from pkgutil import resolve_name

import pytest

from tests.acceptance.faults.worker import AFTER, BEFORE


@pytest.mark.parametrize("name", sorted({*BEFORE.values(), *AFTER.values()}))
def test_a_crash_point_is_a_function(name: str) -> None:
    assert callable(resolve_name(name))
