"""Each check is for itself, and nothing secret is told."""

import threading
from collections.abc import Callable, Iterator
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.utils.module_loading import autodiscover_modules

from batchgen.doctor import registry
from batchgen.doctor.registry import Finding, Group, NotChecked, error, ok, warning

Doctor = Callable[..., dict[str, dict[str, Any]]]


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> list[registry.Check]:
    """The only checks there are: those of the group `clock`."""
    # Whose first import would register them among these, and nowhere else.
    autodiscover_modules("doctor")
    mine: list[registry.Check] = []
    monkeypatch.setattr(registry, "_CHECKS", {group: [] for group in Group} | {Group.CLOCK: mine})
    return mine


def fine() -> Iterator[Finding]:
    yield ok("FINE", "All is well.")


def broken() -> Iterator[Finding]:
    yield warning("HALF", "So far.", "Look.")
    raise RuntimeError("out of ink")


def useless() -> list[Finding]:
    raise NotChecked("there is no printer.")


def test_a_check_that_fails_is_a_finding_and_stops_no_other(
    checks: list[registry.Check], doctor: Doctor
) -> None:
    checks += [broken, useless, fine]
    found = doctor()
    assert list(found) == ["HALF", "CHECK_FAILED", "NOT_CHECKED", "FINE"]
    assert found["CHECK_FAILED"]["level"] == "error"
    assert "RuntimeError: out of ink" in found["CHECK_FAILED"]["message"]
    assert found["NOT_CHECKED"]["message"] == "The useless: there is no printer."


def test_a_check_that_hangs_is_a_finding_and_stops_no_other(
    checks: list[registry.Check], doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "CHECK_S", 0.3)
    over = threading.Event()

    def hanging() -> Iterator[Finding]:
        yield ok("BEGUN", "")
        over.wait(60)

    checks += [hanging, fine]
    try:
        assert list(doctor()) == ["BEGUN", "CHECK_TIMED_OUT", "FINE"]
    finally:
        over.set()


def test_only_errors_make_the_exit_code_1(checks: list[registry.Check], doctor: Doctor) -> None:
    checks += [fine, lambda: [warning("HALF", "So far.", "Look.")]]
    doctor()
    checks.append(lambda: [error("NONE", "Nothing.", "Do.")])
    with pytest.raises(SystemExit, match="1"):
        call_command("doctor", stdout=StringIO())


def test_people_get_a_table(checks: list[registry.Check]) -> None:
    checks += [fine, lambda: [warning("HALF", "So far.", "Look.")]]
    told = StringIO()
    call_command("doctor", stdout=told)
    for part in ("clock", "All is well.", "So far.", "→ Look.", "HALF", "0 errors, 1 warnings."):
        assert part in told.getvalue()


@pytest.mark.parametrize(
    ("setting", "secrets"),
    [
        (("DATABASE_URL", "postgresql://me:p%40ss%2Fw@h/db"), ["p%40ss%2Fw", "p@ss/w"]),
        (("DATABASE_URL", "postgresql:///db?host=h&password=p%40ss/w"), ["p%40ss/w", "p@ss/w"]),
        (("REDIS_URL", "rediss://:hush!hush@h/0"), ["hush!hush"]),
        (("ANTHROPIC_API_KEY", "sk-ant-1234"), ["sk-ant-1234"]),
        (("SECRET_KEY", "a-long-key"), ["a-long-key"]),
        (("FLOWER_BASIC_AUTH", "ada:of-flower"), ["ada:of-flower", "of-flower"]),
        (("AWS_SECRET_ACCESS_KEY", "of-the-storage"), ["of-the-storage"]),
    ],
)
def test_nothing_secret_is_told(
    setting: tuple[str, str],
    secrets: list[str],
    checks: list[registry.Check],
    doctor: Doctor,
    settings: Any,
) -> None:
    setattr(settings, *setting)
    for secret in (setting[1], *secrets):

        def tell(secret: str = secret) -> list[Finding]:
            return [error("TOLD", f"<{secret}>\x1b[31m\n", f"Not {secret}.")]

        checks[:] = [tell]
        found = doctor()["TOLD"]
        assert not any(each in found["message"] + found["todo"] for each in secrets)
        assert "***" in found["message"]
        assert "\x1b" not in found["message"]


def test_only_the_groups_that_are_asked_for(checks: list[registry.Check], doctor: Doctor) -> None:
    checks.append(fine)
    assert not doctor("redis", "celery")
    assert doctor("redis", "clock")
