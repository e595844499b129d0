"""The doctor as an operator calls it, in this process."""

import json
from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command

Findings = dict[str, dict[str, Any]]


@pytest.fixture
def doctor() -> Callable[..., Findings]:
    """Calls `manage.py doctor GROUP… --json`; its findings by code."""

    def call(*groups: str) -> Findings:
        told = StringIO()
        try:
            call_command("doctor", *groups, "--json", stdout=told)
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        found = json.loads(told.getvalue())
        assert code == (1 if found["errors"] else 0)
        return {each["code"]: each for each in found["findings"]}

    return call
