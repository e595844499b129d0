"""Kombu's Redis transport, with two of its habits mended."""

from typing import Any

from kombu.transport import redis
from redis.exceptions import ConnectionError as RedisConnectionError


class Channel(redis.Channel):
    """A channel with one client, which says so when its connection was closed."""

    _kept: Any = None

    def _create_client(self, asynchronous: bool = False) -> Any:
        """The channel's client; kombu makes a new one for every command, an eighth of an epic."""
        if asynchronous:
            return super()._create_client(asynchronous=True)  # type: ignore[misc]  # in no stub
        if self._kept is None or self._kept.connection_pool is not self.pool:
            self._kept = super()._create_client()  # type: ignore[misc]  # in no stub
        return self._kept

    def _connparams(self, *args: Any, **kwargs: Any) -> Any:
        """What to connect with.

        When Redis goes away under a busy worker, kombu 5.7 closes the transport. What is still
        asked of the channel then (acknowledge what was under way, give back what was not begun)
        failed here with an AttributeError, for which Celery ends the worker. For a connection
        error it waits for Redis; the lanes and the reconciler mind neither loss nor repetition.

        Raises:
            redis.ConnectionError: the transport is closed.
        """
        if self.connection is None or self.connection.client is None:
            raise RedisConnectionError("This connection to Redis was closed.")
        return super()._connparams(*args, **kwargs)  # type: ignore[misc]  # in no stub


class Transport(redis.Transport):
    """What CELERY_BROKER_TRANSPORT names."""

    Channel = Channel
