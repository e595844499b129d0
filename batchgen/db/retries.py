"""Whether a statement is sent once more after an error, and what helps before that.

One policy for statements of threads and of event loops: it has no I/O of its own.
"""

import logging
import time
from enum import Enum, auto

import psycopg
from psycopg import errors

log = logging.getLogger(__name__)

#: Errors after which the same statement may well succeed at once.
_PASSING = (errors.DeadlockDetected, errors.SerializationFailure, errors.UniqueViolation)
_TRIES = 3
#: Between two tries at a server that takes no writes: it refuses at once, where a server that is
#: away takes its time.
READ_ONLY_S = 0.3


class Remedy(Enum):
    """What comes before the next try."""

    #: Nothing: the error passes.
    NONE = auto()
    #: A look at the pool's connections: a server that restarted took all of them with it.
    CHECK = auto()
    #: Connections to whichever server takes writes now, and `READ_ONLY_S`.
    RENEW = auto()


class Tries:
    """The tries at one statement."""

    def __init__(self, name: str, *, patience_s: float) -> None:
        """`patience_s`: how long to go on while the server is away, or takes no writes."""
        self._name = name
        self._deadline = time.monotonic() + patience_s
        self._made = 0

    def after(self, error: psycopg.Error) -> Remedy:
        """What helps before the next try.

        Raises:
            psycopg.Error: there is none; the error, or what it is to all who wait for a server.
        """
        self._made += 1
        remedy = _remedy(error)
        is_patient = remedy is not Remedy.NONE and time.monotonic() < self._deadline
        if remedy is None or not (self._made < _TRIES or is_patient):
            if remedy is Remedy.RENEW:
                # To all who wait for a server it is one that is away.
                raise psycopg.OperationalError(str(error)) from error
            raise error
        log.warning("%s: %s; once more", self._name, type(error).__name__)
        return remedy


def _remedy(error: psycopg.Error) -> Remedy | None:
    """None where another try has no better chance. Who asked not to wait for a lock goes on in
    another way."""
    if isinstance(error, _PASSING):
        return Remedy.NONE
    if isinstance(error, errors.ReadOnlySqlTransaction):
        return Remedy.RENEW
    if isinstance(error, psycopg.OperationalError) and not isinstance(
        error, errors.LockNotAvailable
    ):
        return Remedy.CHECK
    return None
