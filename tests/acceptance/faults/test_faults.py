"""The short selection: a few faults of every group against real processes, on servers of their own.

FAULTS_SEED=N chooses another schedule. `make faults` runs the long selection.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from batchgen.local.local_dir import ROOT

#: Passes all kinds of targets in half a minute.
_SEED = os.environ.get("FAULTS_SEED", "3019")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def driver() -> Iterator["subprocess.Popen[str]"]:
    """The suite as a process of its own: its servers may be killed, the session's may not."""
    argv = [sys.executable, "-m", __package__ or "", "--serve", "--seed", _SEED]
    argv += ["--faults", "14", "--minutes", "0.55"]
    with subprocess.Popen(
        argv, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        yield process
        assert process.stdin
        process.stdin.close()
        process.wait(60)


def _run(driver: "subprocess.Popen[str]", scenario: str) -> list[str]:
    assert driver.stdin
    assert driver.stdout
    driver.stdin.write(f"{scenario}\n")
    driver.stdin.flush()
    for line in driver.stdout:
        if line.startswith('{"violations"'):
            violations: list[str] = json.loads(line)["violations"]
            return violations
        sys.stdout.write(line)
    pytest.fail("the fault suite ended by itself; its output says why")


def test_every_invariant_holds_under_mixed_faults(driver: "subprocess.Popen[str]") -> None:
    assert _run(driver, "short") == []


def test_copied_dropped_and_reordered_messages_change_nothing(
    driver: "subprocess.Popen[str]",
) -> None:
    assert _run(driver, "messages") == []


def test_no_call_starts_after_a_pause_or_cancel_but_those_in_flight(
    driver: "subprocess.Popen[str]",
) -> None:
    assert _run(driver, "short-controls") == []


def test_every_run_ends_however_its_lanes_are_changed(driver: "subprocess.Popen[str]") -> None:
    assert _run(driver, "short-lanes") == []


def test_no_batch_is_lost_or_doubled_and_the_bill_is_what_is_booked(
    driver: "subprocess.Popen[str]",
) -> None:
    assert _run(driver, "short-batches") == []


def test_a_stall_ends_the_run_and_tells_what_everything_waits_for(
    driver: "subprocess.Popen[str]",
) -> None:
    assert _run(driver, "stall") == []


def test_an_epic_that_kills_its_workers_is_given_up_alone(driver: "subprocess.Popen[str]") -> None:
    assert _run(driver, "poison") == []
