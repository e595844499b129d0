"""Redis for an event loop: its own client, connected as REDIS_URL says."""

from typing import Any

import redis
from redis.asyncio import (
    Connection,
    ConnectionPool,
    Redis,
    SSLConnection,
    UnixDomainSocketConnection,
)
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import (
    Sentinel,
    SentinelConnectionPool,
    SentinelManagedConnection,
    SentinelManagedSSLConnection,
)
from redis.backoff import NoBackoff

from batchgen.redis.address import RedisAddress
from batchgen.redis.client import PATIENCE, Connections, SentinelsOf, address, pool_make


def loop_client(**options: Any) -> Redis:
    """A client for the loop that runs, which closes it; its calls raise as those of `client`.

    Nothing is sent a second time: what failed may have been heard.

    Args:
        options: of redis-py's connections, instead of the usual ones.
    """
    return Redis.from_pool(loop_pool(address(), **options))


def loop_pool(to: RedisAddress, **options: Any) -> ConnectionPool:
    """Connections to an address."""
    pool: ConnectionPool = pool_make(_OF_A_LOOP, to, lambda each: each, {**PATIENCE, **options})
    return pool


class _SentinelPool(SentinelConnectionPool):
    """Closes its connections to the Sentinels too."""

    async def aclose(self) -> None:
        """Close all."""
        await super().aclose()
        await self.sentinel_manager.aclose()


class _Sentinels(SentinelsOf, Sentinel):
    """Asked by a loop's connections."""

    def never_again(self) -> Any:
        """Of redis-py: no second try."""
        return Retry(NoBackoff(), 0)

    async def discover_master(self, service_name: str) -> tuple[str, int]:
        """Where the server is now; for what is raised, see the one that blocks."""
        errors: dict[int, Exception] = {}
        for place in self.in_turn():
            try:
                known: Any = await self.sentinels[place].sentinel_masters()
            except (redis.ConnectionError, redis.TimeoutError) as error:
                errors[place] = error
                continue
            if told := self.told(place, known, service_name):
                return told
        raise self.unknown(service_name, errors)


_OF_A_LOOP = Connections(
    pool=ConnectionPool,
    plain=Connection,
    tls=SSLConnection,
    socket=UnixDomainSocketConnection,
    sentinel_pool=_SentinelPool,
    managed=SentinelManagedConnection,
    managed_tls=SentinelManagedSSLConnection,
    sentinels=_Sentinels,
)
