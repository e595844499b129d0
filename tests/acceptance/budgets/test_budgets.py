"""The short selection. `python -m tests.acceptance.budgets` runs a hundred."""

import subprocess
import sys

import pytest

from batchgen.local.local_dir import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(200)]


def test_the_bill_never_exceeds_what_may_be_spent() -> None:
    """Servers and workers of its own: those are killed."""
    argv = [sys.executable, "-m", __package__ or "", "--runs", "4", "--seed", "3"]
    done = subprocess.run(argv, cwd=ROOT, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
