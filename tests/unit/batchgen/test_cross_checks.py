"""Settings that do not fit together stop every program; what is unwise, or unknown, is told."""

import os
import subprocess
import sys
from collections.abc import Sequence
from ipaddress import ip_network
from typing import Any

import pytest
from django.core.checks import run_checks
from django.test import override_settings

from batchgen import cross_checks, settings
from batchgen.local.local_dir import ROOT

GOOD = vars(settings)
KEY = "0123456789abcdefghijklmnopqrstuvwxyz-0123456789-abcdef"
PROGRAMS = {
    "manage.py": ["manage.py", "check"],
    "web": ["-m", "batchgen.web", "--port", "0"],
    "worker": ["-m", "celery", "-A", "batchgen", "worker", "-P", "threads"],
    "beat": ["-m", "celery", "-A", "batchgen", "beat", "-s", os.devnull],
}


def started(argv: Sequence[str], **given: str) -> tuple[int, str]:
    """The exit code and the words of a program that is to refuse."""
    done = subprocess.run(
        [sys.executable, *argv],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "batchgen.settings", **given},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_program_refuses_and_names_both_settings(program: str) -> None:
    code, told = started(PROGRAMS[program], BATCHGEN_HEARTBEAT_S="5", BATCHGEN_SLOT_WAIT_S="9")
    assert code != 0
    assert "BATCHGEN_WORKER_LEASE_S is 10 and BATCHGEN_HEARTBEAT_S is 5" in told
    assert "BATCHGEN_MESSAGE_LOST_S is 2 and BATCHGEN_SLOT_WAIT_S is 9" in told


def test_a_command_refuses_in_words_alone() -> None:
    code, told = started(PROGRAMS["manage.py"], BATCHGEN_HEARTBEAT_S="5")
    assert (code, told.count("\n")) == (1, 2)
    assert told.startswith("The settings do not fit together.")


def test_the_defaults_fit_together() -> None:
    assert cross_checks.refusals(GOOD) == []


@pytest.mark.parametrize(
    ("changed", "names"),
    [
        ({"HEARTBEAT_S": 3.4}, ["BATCHGEN_WORKER_LEASE_S", "BATCHGEN_HEARTBEAT_S"]),
        (
            {"RECONCILE_S": 11, "WORKER_LEASE_S": 10.9},
            ["BATCHGEN_WORKER_LEASE_S", "BATCHGEN_RECONCILE_S"],
        ),
        ({"MESSAGE_LOST_S": 1.9}, ["BATCHGEN_MESSAGE_LOST_S", "BATCHGEN_SLOT_WAIT_S"]),
        ({"SECURE_HSTS_PRELOAD": True}, ["BATCHGEN_HSTS_PRELOAD", "BATCHGEN_HSTS_SUBDOMAINS"]),
        *(
            ({"PRODUCTION": True, "SECRET_KEY": key}, ["BATCHGEN_SECRET_KEY", "token_urlsafe"])
            for key in ("changeme", "known-to-all-so-for-development-only", "ab" * 40, KEY[:49])
        ),
    ],
)
def test_what_breaks_promises_is_refused(changed: dict[str, Any], names: list[str]) -> None:
    [said] = cross_checks.refusals({**GOOD, **changed})
    assert all(name in said for name in names)


def test_a_long_key_is_good_in_production_and_any_in_development() -> None:
    assert cross_checks.refusals({**GOOD, "PRODUCTION": True, "SECRET_KEY": KEY[:50]}) == []
    assert cross_checks.refusals({**GOOD, "SECRET_KEY": "short"}) == []


@pytest.mark.parametrize(
    ("changed", "names"),
    [
        ({"STOP_GRACE_S": 299}, ["BATCHGEN_STOP_GRACE_S", "BATCHGEN_PROVIDER_TIMEOUT_S"]),
        ({"LIVE_STREAMS": 249}, ["BATCHGEN_LIVE_STREAMS", "BATCHGEN_LIVE_STREAMS_PER_USER"]),
        ({"SECURE_SSL_REDIRECT": True}, ["BATCHGEN_SSL_REDIRECT", "BATCHGEN_TRUSTED_PROXIES"]),
        (
            {"PROVIDER_NAME": "simulator", "ANTHROPIC_BASE_URL": ""},
            ["BATCHGEN_PROVIDER_NAME", "ANTHROPIC_BASE_URL"],
        ),
        ({"UNKNOWN_VARIABLES": ["BATCHGEN_MODLE"]}, ["BATCHGEN_MODLE", "BATCHGEN_MODEL?"]),
        ({"UNKNOWN_VARIABLES": ["batchgen_model"]}, ["batchgen_model", "BATCHGEN_MODEL?"]),
    ],
)
def test_what_is_unwise_is_told_by_djangos_checks(
    changed: dict[str, Any], names: list[str]
) -> None:
    with override_settings(**changed):
        [told] = [each.msg for each in run_checks() if each.id == "batchgen.W001"]
    assert all(name in told for name in names)


def test_nothing_is_unwise_about_a_redirect_by_a_proxy_that_is_trusted() -> None:
    for trusted in (None, [ip_network("10.0.0.1")]):
        with override_settings(SECURE_SSL_REDIRECT=True, TRUSTED_PROXIES=trusted):
            assert list(cross_checks.warnings()) == []


@pytest.mark.parametrize("start", ["batchgen.asgi", "batchgen.celery as c; c.configure_logs()"])
def test_a_variable_that_nothing_reads_is_told_at_the_start(start: str) -> None:
    told = started(["-c", f"import {start}"], BATCHGEN_WORKER_CONCURENCY="9", BATCHGEN_PORT="1")[1]
    assert (
        "Nothing reads BATCHGEN_WORKER_CONCURENCY. Did you mean BATCHGEN_WORKER_CONCURRENCY?"
        in (told)
    )
    assert "BATCHGEN_PORT" not in told
