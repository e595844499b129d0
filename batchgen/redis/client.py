"""One Redis connection pool for each process, and the prefix of batchgen's keys."""

from collections.abc import Callable
from dataclasses import dataclass
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

#: How long a client waits for Redis, and after what silence it makes sure of a connection.
PATIENCE: dict[str, Any] = {
    "socket_timeout": 5,
    "socket_connect_timeout": 2,
    "health_check_interval": 30,
}

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
    return redis.Redis.from_pool(connection_pool(address(), **PATIENCE))


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
    pool: redis.ConnectionPool = pool_make(_BLOCKING, to, adapt, options)
    return pool


@dataclass(frozen=True, kw_only=True, slots=True)
class Connections:
    """The classes of one kind of redis-py's connections: those that block, or an event loop's."""

    pool: type[Any]
    plain: ConnectionClass
    tls: ConnectionClass
    socket: ConnectionClass
    #: The server's as Sentinels tell it.
    sentinel_pool: type[Any]
    managed: ConnectionClass
    managed_tls: ConnectionClass
    sentinels: type["SentinelsOf"]


def pool_make(
    kind: Connections,
    to: RedisAddress,
    adapt: Callable[[ConnectionClass], ConnectionClass],
    options: dict[str, Any],
) -> Any:
    """A pool of that kind; for the rest see `connection_pool`."""
    who: dict[str, Any] = {"username": to.username, "password": to.password, "db": to.db}
    if to.protocol is not None:
        options["protocol"] = to.protocol
    if to.socket:
        options = {name: value for name, value in options.items() if name not in _TCP_ONLY}
        return kind.pool(adapt(kind.socket), path=to.socket, **who, **options)
    tls = to.tls.options() if to.tls else {}
    if to.service:
        return kind.sentinel_pool(
            to.service,
            kind.sentinels(to, options, tls),
            connection_class=adapt(kind.managed_tls if to.tls else kind.managed),
            **who,
            **tls,
            **options,
        )
    ((host, port),) = to.hosts
    direct = kind.tls if to.tls else kind.plain
    return kind.pool(adapt(direct), host=host, port=port, **who, **tls, **options)


class SentinelsOf:
    """The Sentinels of an address. Each is asked once, the one that answered last before others.

    redis-py asks one that is down four times, for seconds, in each new connection; and threads that
    move the one that answers to the front of its list at the same time can lose another.
    """

    #: By addresses, for all connections of the process.
    _answered: ClassVar[dict[tuple[tuple[str, int], ...], int]] = {}
    check_master_state: Callable[[Any, str], bool]

    def __init__(self, to: RedisAddress, options: dict[str, Any], tls: dict[str, Any]) -> None:
        asked = {name: value for name, value in options.items() if name.startswith("socket_")}
        asked |= {"username": to.sentinel_username, "password": to.sentinel_password}
        asked |= {**tls, "ssl": to.tls is not None, "retry": self.never_again()}
        super().__init__(to.hosts, sentinel_kwargs=asked)  # type: ignore[call-arg]  # redis-py's
        self._hosts = to.hosts

    def never_again(self) -> Any:
        """Of redis-py: no second try."""
        return Retry(NoBackoff(), 0)

    def in_turn(self) -> list[int]:
        """The Sentinels' places, as they are to be asked."""
        first = self._answered.get(self._hosts, 0)
        return sorted(range(len(self._hosts)), key=lambda place: place != first)

    def told(self, place: int, known: Any, service: str) -> tuple[str, int] | None:
        """Where the server is by a Sentinel's answer; None where it knows none that is up."""
        state = known.get(service)
        if not state or not self.check_master_state(state, service):
            return None
        self._answered[self._hosts] = place
        return state["ip"], state["port"]

    def unknown(self, service: str, errors: dict[int, Exception]) -> redis.ConnectionError:
        """None has told: these could not be asked."""
        said = (
            f"{host}: {errors.get(place, 'knows none that is up')}"
            for place, host in enumerate(self._hosts)
        )
        return MasterNotFoundError(f"No master {service!r}: {'; '.join(said)}")


class _Sentinels(SentinelsOf, Sentinel):
    """Asked by connections that block."""

    def discover_master(self, service_name: str) -> tuple[str, int]:
        """Where the server is now.

        Raises:
            MasterNotFoundError: no Sentinel answers that knows; a redis.ConnectionError.
        """
        errors: dict[int, Exception] = {}
        for place in self.in_turn():
            try:
                known: Any = self.sentinels[place].sentinel_masters()
            except (redis.ConnectionError, redis.TimeoutError) as error:
                errors[place] = error
                continue
            if address := self.told(place, known, service_name):
                return address
        raise self.unknown(service_name, errors)


_BLOCKING = Connections(
    pool=redis.ConnectionPool,
    plain=redis.Connection,
    tls=redis.SSLConnection,
    socket=redis.UnixDomainSocketConnection,
    sentinel_pool=SentinelConnectionPool,
    managed=SentinelManagedConnection,
    managed_tls=SentinelManagedSSLConnection,
    sentinels=_Sentinels,
)


@lru_cache(maxsize=8)
def _parsed(url: str) -> RedisAddress:
    return parse(url)
