"""Redis on three hosts, each with a Sentinel beside it: they agree on which one is the master."""

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import redis

from batchgen.local.terminal import Sink
from batchgen.redis.client import connection_pool
from batchgen.redis.url import parse
from tests.acceptance.hosts.network import Host
from tests.acceptance.hosts.service import Service
from tests.redis_servers import sentinel, server

_PORT, _SENTINEL_PORT = 6379, 26379
_SERVICE = "main"
#: A master that is away so long is given up, by two of three.
_DOWN_MS = 1000


class Broker:
    """The three servers and their Sentinels."""

    def __init__(self, hosts: Sequence[Host], directory: Path, sink: Sink) -> None:
        """Start them; the first is the master."""
        self._hosts = {host.address: host for host in hosts}
        kind = Path(shutil.which("redis-server") or "redis-server")
        first = hosts[0]
        self._services = []
        for host in hosts:
            follows = () if host is first else (f"replicaof {first.address} {_PORT}",)
            lines = (*_listening(host, _PORT), *follows)
            url = f"redis://{host.address}:{_PORT}/0"
            child = server(url, directory / host.name, *lines, kind=kind)
            self._services.append(Service(host, replace(child, name=host.name), sink))
        for host in hosts:
            lines = (
                *_listening(host, _SENTINEL_PORT),
                f"sentinel monitor {_SERVICE} {first.address} {_PORT} 2",
                f"sentinel down-after-milliseconds {_SERVICE} {_DOWN_MS}",
                f"sentinel failover-timeout {_SERVICE} 3000",
            )
            url = f"redis://{host.address}:{_SENTINEL_PORT}/0"
            name = f"{host.name}-sentinel"
            child = sentinel(url, directory / name, *lines, kind=kind)
            self._services.append(Service(host, replace(child, name=name), sink))

    @property
    def url(self) -> str:
        """What REDIS_URL is."""
        sentinels = ",".join(f"{address}:{_SENTINEL_PORT}" for address in self._hosts)
        return f"redis+sentinel://{sentinels}/{_SERVICE}/0"

    @property
    def hosts(self) -> list[Host]:
        """All of them."""
        return list(self._hosts.values())

    def master(self) -> Host | None:
        """Where the Sentinels say that the master is, if they know one that is up."""
        pool: Any = connection_pool(parse(self.url), socket_timeout=2, socket_connect_timeout=1)
        try:
            return self._hosts[pool.get_master_address()[0]]
        except redis.ConnectionError:
            return None
        finally:
            pool.sentinel_manager.close()

    def close(self) -> None:
        """Stop all."""
        for service in reversed(self._services):
            service.close()


def _listening(host: Host, port: int) -> tuple[str, ...]:
    return (f"bind {host.address}", f"port {port}", "protected-mode no")
