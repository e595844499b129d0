"""One Redis connection pool for each process, and the prefix of batchgen's keys."""

from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any, ClassVar, cast

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry
from redis.sentinel import (
    MasterNotFoundError,
    Sentinel,
    SentinelConnectionPool,
    SentinelManagedConnection,
    SentinelManagedSSLConnection,
)

from batchgen.db.installation import installation_id
from batchgen.redis.address import RedisAddress
from batchgen.redis.url import parse

#: Connections over TCP take these; a Unix domain socket has no use for them.
_TCP_ONLY = ("socket_keepalive", "socket_keepalive_options")

ConnectionClass = type[Any]


class ForeignInstallation(Exception):
    """Another installation has this prefix in this Redis."""

    def __init__(self, *, another: str) -> None:
        self.message = (
            f"The keys in Redis that begin with {prefix()} belong to another installation, "
            f"{another}; this one is {installation_id()}."
        )
        self.todo = (
            "Give each a BATCHGEN_REDIS_PREFIX of its own, or none; if the other is no more, "
            f"delete the key {key('installation')}."
        )
        super().__init__(f"{self.message} {self.todo}")


@cache
def client() -> redis.Redis:
    """This process's client; its calls raise `redis.RedisError` when Redis is away."""
    return redis.Redis.from_pool(
        connection_pool(
            address(), socket_timeout=5, socket_connect_timeout=2, health_check_interval=30
        )
    )


def key(name: str) -> str:
    """The key under this installation's prefix; for what is raised, see `prefix`."""
    return f"{prefix()}{name}"


def prefix() -> str:
    """What stands before every key.

    Raises:
        psycopg.Error: it has the installation's id, and PostgreSQL is away. Once it was told to
            this process, it is known.
    """
    return settings.REDIS_PREFIX or f"batchgen:{installation_id()}:"


def claim_prefix() -> None:
    """Write the installation's id under its prefix, where no id is.

    Raises: as for `check_prefix`.
    """
    client().set(key("installation"), str(installation_id()), nx=True)
    check_prefix()


def check_prefix() -> None:
    """See whose prefix it is.

    Raises:
        ForeignInstallation: another installation's.
        redis.RedisError: Redis is away.
        psycopg.Error: PostgreSQL is.
    """
    mine, found = str(installation_id()), cast("bytes | None", client().get(key("installation")))
    if found is not None and found != mine.encode():
        raise ForeignInstallation(another=found.decode(errors="replace"))


def address() -> RedisAddress:
    """What REDIS_URL says."""
    return _parsed(settings.REDIS_URL)


def connection_pool(
    to: RedisAddress,
    *,
    adapt: Callable[[ConnectionClass], ConnectionClass] = lambda connection: connection,
    **options: Any,
) -> redis.ConnectionPool:
    """Connections to an address: every one that this program makes, of the broker too.

    Args:
        adapt: makes of the class of the connections the one to use.
        options: of redis-py's connections, time-outs above all; Sentinels are asked with the
            same time-outs.
    """
    who: dict[str, Any] = {"username": to.username, "password": to.password, "db": to.db}
    if to.protocol is not None:
        options["protocol"] = to.protocol
    if to.socket:
        options = {name: value for name, value in options.items() if name not in _TCP_ONLY}
        return redis.ConnectionPool(
            adapt(redis.UnixDomainSocketConnection), path=to.socket, **who, **options
        )
    tls = to.tls.options() if to.tls else {}
    if to.service:
        managed = SentinelManagedSSLConnection if to.tls else SentinelManagedConnection
        return SentinelConnectionPool(  # type: ignore[no-untyped-call]  # in no stub
            to.service,
            _Sentinels(to, options, tls),
            connection_class=adapt(managed),
            **who,
            **tls,
            **options,
        )
    ((host, port),) = to.hosts
    direct = redis.SSLConnection if to.tls else redis.Connection
    return redis.ConnectionPool(adapt(direct), host=host, port=port, **who, **tls, **options)


class _Sentinels(Sentinel):
    """The Sentinels of an address. Each is asked once, the one that answered last before others.

    redis-py asks one that is down four times, for seconds, in each new connection; and threads that
    move the one that answers to the front of its list at the same time can lose another.
    """

    #: By addresses, for all connections of the process.
    _answered: ClassVar[dict[tuple[tuple[str, int], ...], int]] = {}

    def __init__(self, to: RedisAddress, options: dict[str, Any], tls: dict[str, Any]) -> None:
        asked = {name: value for name, value in options.items() if name.startswith("socket_")}
        asked |= {"username": to.sentinel_username, "password": to.sentinel_password}
        asked |= {**tls, "ssl": to.tls is not None, "retry": Retry(NoBackoff(), 0)}
        super().__init__(to.hosts, sentinel_kwargs=asked)  # type: ignore[no-untyped-call]  # in no stub
        self._hosts = to.hosts

    def discover_master(self, service_name: str) -> tuple[str, int]:
        """Where the server is now.

        Raises:
            MasterNotFoundError: no Sentinel answers that knows; a redis.ConnectionError.
        """
        first, errors = self._answered.get(self._hosts, 0), []
        for place in sorted(range(len(self._hosts)), key=lambda place: place != first):
            try:
                known: Any = self.sentinels[place].sentinel_masters()
            except (redis.ConnectionError, redis.TimeoutError) as error:
                errors.append(str(error))
                continue
            state = known.get(service_name)
            if state and self.check_master_state(state, service_name):  # type: ignore[no-untyped-call]  # in no stub
                self._answered[self._hosts] = place
                return state["ip"], state["port"]
            errors.append(f"{self._hosts[place]} knows none that is up")
        raise MasterNotFoundError(f"No master {service_name!r}: {'; '.join(errors)}")


@lru_cache(maxsize=8)
def _parsed(url: str) -> RedisAddress:
    return parse(url)
