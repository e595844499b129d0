"""Whether a statement is sent once more after an error, and what helps before that.

One policy for statements of threads and of event loops: it has no I/O of its own.
"""

import logging
import time
from enum import Enum

import psycopg
from psycopg import errors

log = logging.getLogger(__name__)

#: Errors after which the same statement may well succeed at once.
_PASSING = (errors.DeadlockDetected, errors.SerializationFailure, errors.UniqueViolation)
_TRIES = 3


class Remedy(Enum):
    """What comes before the next try; each with the seconds that pass then."""

    #: Nothing: the error passes.
    NONE = "none", 0.0
    #: Whoever has a row may let go of it.
    WAIT = "wait", 0.05
    #: A look at the pool's connections: a server that restarted took all of them with it.
    CHECK = "check", 0.0
    #: Connections to whichever server takes writes now. One that takes none refuses at once, where
    #: a server that is away takes its time.
    RENEW = "renew", 0.3

    @property
    def pause_s(self) -> float:
        """What passes before the next try."""
        return self.value[1]


class Tries:
    """The tries at one statement."""

    def __init__(self, name: str, *, patience_s: float, locked_s: float) -> None:
        """As `Statement` has them."""
        self._name = name
        self._failed = 0
        began = time.monotonic()
        self._until = {
            Remedy.CHECK: began + patience_s,
            Remedy.RENEW: began + patience_s,
            Remedy.WAIT: began + locked_s,
        }

    def after(self, error: psycopg.Error) -> Remedy:
        """What helps before the next try.

        Raises:
            psycopg.Error: there is none; the error, or what it is to all who wait for a server.
        """
        remedy = _remedy(error)
        if remedy is None or not self._goes_on(remedy):
            if remedy is Remedy.RENEW:
                # To all who wait for a server it is one that is away.
                raise psycopg.OperationalError(str(error)) from error
            raise error
        if remedy is not Remedy.WAIT:  # which is nobody's trouble
            log.warning("%s: %s; once more", self._name, type(error).__name__)
        return remedy

    def _goes_on(self, remedy: Remedy) -> bool:
        if remedy is not Remedy.WAIT:
            self._failed += 1
            if self._failed < _TRIES:
                return True
        return time.monotonic() < self._until.get(remedy, 0.0)


def _remedy(error: psycopg.Error) -> Remedy | None:
    """None where another try has no better chance."""
    if isinstance(error, _PASSING):
        return Remedy.NONE
    if isinstance(error, errors.LockNotAvailable):
        return Remedy.WAIT
    if isinstance(error, errors.ReadOnlySqlTransaction):
        return Remedy.RENEW
    return Remedy.CHECK if isinstance(error, psycopg.OperationalError) else None
