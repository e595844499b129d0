"""The registry of doctor checks: small functions that each say what they found and what to do.

A check is a function that yields findings. It registers itself:

    @check("redis")
    def redis_version() -> Iterator[Finding]:
        ...
        yield ok("REDIS_VERSION", "Redis 7.2.")

An app's checks stand in its module `doctor`, batchgen's own in the modules of this package. Where
an earlier fault leaves nothing to look at, a check raises NotChecked with the reason.
"""

import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from django.conf import settings
from django.db import connections

from batchgen.doctor.secrets import without_secrets

#: A check that takes longer counts as failed.
CHECK_S = 15.0


class Level(StrEnum):
    """How bad it is; only an ERROR makes the doctor's exit code 1."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


class Group(StrEnum):
    """What a check looks at, in the order of the output."""

    SETTINGS = "settings"
    DATABASE = "database"
    REDIS = "redis"
    CELERY = "celery"
    PROVIDER = "provider"
    CLOCK = "clock"
    FILES = "files"


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One thing that is right or wrong; `todo` is a sentence for whoever can mend it."""

    code: str
    level: Level
    message: str
    todo: str = ""


def ok(code: str, message: str) -> Finding:
    """What is as it should be."""
    return Finding(code=code, level=Level.OK, message=message)


def warning(code: str, message: str, todo: str) -> Finding:
    """What works now and will be regretted, or could not be looked at."""
    return Finding(code=code, level=Level.WARNING, message=message, todo=todo)


def error(code: str, message: str, todo: str) -> Finding:
    """What does not work, or loses something."""
    return Finding(code=code, level=Level.ERROR, message=message, todo=todo)


class NotChecked(Exception):
    """There is nothing to look at; the message says why."""


Check = Callable[[], Iterable[Finding]]
_CHECKS: dict[Group, list[Check]] = {group: [] for group in Group}


def check(group: str) -> Callable[[Check], Check]:
    """Register a function as a check of the group."""

    def register(function: Check) -> Check:
        _CHECKS[Group(group)].append(function)
        return function

    return register


def examine(groups: Collection[Group] = tuple(Group)) -> Iterator[tuple[Group, Finding]]:
    """Run the groups' checks at the same time; what they found, in order, free of secrets.

    A check that raises or hangs is a finding, and stops no other.
    """
    deadline = time.monotonic() + CHECK_S
    begun = [
        (group, Running(function))
        for group in Group
        if group in groups
        for function in _CHECKS[group]
    ]
    for group, running in begun:
        for found in running.findings(deadline):
            yield group, found


class Running:
    """A check in a thread of its own, which nobody waits for once its time is over."""

    def __init__(self, function: Check) -> None:
        self._name = function.__name__.replace("_", " ").strip()
        self._found: list[Finding] = []
        self._thread = threading.Thread(target=self._run, args=(function,), daemon=True)
        self._thread.start()

    def findings(self, deadline: float) -> list[Finding]:
        """What it found by then."""
        self._thread.join(max(0, deadline - time.monotonic()))
        found = list(self._found)
        if self._thread.is_alive():
            found.append(
                error(
                    "CHECK_TIMED_OUT",
                    f"The check of {self._name} did not end within {CHECK_S:g} s.",
                    "Look whether a firewall swallows packets, or the server is overloaded.",
                )
            )
        return [_clean(each) for each in found]

    def _run(self, function: Check) -> None:
        try:
            self._found.extend(function())
        except NotChecked as reason:
            self._found.append(
                warning("NOT_CHECKED", f"The {self._name}: {reason}", "Mend the errors first.")
            )
        except Exception as failure:  # a finding, as everything that goes wrong here
            self._found.append(
                error(
                    "CHECK_FAILED",
                    f"The check of {self._name} failed: {type(failure).__name__}: {failure}",
                    "Mend what it names.",
                )
            )
        finally:
            connections.close_all()


def _clean(found: Finding) -> Finding:
    return Finding(
        code=found.code,
        level=found.level,
        message=without_secrets(found.message, settings),
        todo=without_secrets(found.todo, settings),
    )
