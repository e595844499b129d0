"""An outage is everybody's; a refusal is that of the one it came to."""

import psycopg
import psycopg_pool
import pytest
import redis
from django.db import InterfaceError, OperationalError
from redis.exceptions import NoPermissionError

from runs.live.outage import is_outage


def wrapped(error: psycopg.Error) -> OperationalError:
    """As Django passes it on."""
    outer = OperationalError(str(error))
    outer.__cause__ = error
    return outer


@pytest.mark.parametrize(
    "error",
    [
        redis.ConnectionError("refused"),
        redis.TimeoutError("late"),
        redis.BusyLoadingError("loading"),
        redis.OutOfMemoryError("command not allowed"),
        redis.ReadOnlyError("You can't write against a read only replica."),
        redis.ResponseError("MISCONF Redis is configured to save RDB snapshots"),
        redis.ResponseError("Error running script: -OOM command not allowed"),
        psycopg.OperationalError("connection refused"),
        psycopg.InterfaceError("the connection is closed"),
        psycopg.errors.AdminShutdown("terminating connection"),
        psycopg.errors.TooManyConnections("too many clients"),
        psycopg.errors.ReadOnlySqlTransaction("cannot execute UPDATE"),
        psycopg_pool.PoolTimeout("none free"),
        wrapped(psycopg.errors.CannotConnectNow("starting up")),
        wrapped(psycopg.OperationalError("server closed the connection")),
        InterfaceError("connection already closed"),
    ],
)
def test_a_server_that_is_away_is_an_outage(error: Exception) -> None:
    assert is_outage(error)


@pytest.mark.parametrize(
    "error",
    [
        ValueError("not a cursor"),
        KeyError("e"),
        redis.ResponseError("WRONGTYPE Operation against a key holding the wrong kind of value"),
        redis.ResponseError("Invalid stream ID specified as stream command argument"),
        NoPermissionError("this user has no permissions to access one of the keys"),
        psycopg.errors.QueryCanceled("canceling statement due to statement timeout"),
        psycopg.errors.NumericValueOutOfRange("bigint out of range"),
        psycopg.DataError("unsuitable"),
        wrapped(psycopg.errors.QueryCanceled("canceling statement due to statement timeout")),
    ],
)
def test_a_refusal_is_no_outage(error: Exception) -> None:
    assert not is_outage(error)
