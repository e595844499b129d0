"""Kombu's Redis transport, which connects as REDIS_URL says, with two of its habits mended."""

from typing import Any

from kombu.transport import redis
from psycopg import Error as PostgresError
from redis.exceptions import ConnectionError as RedisConnectionError

from batchgen.redis import ConnectionClass, address, connection_pool, prefix

#: What Celery's settings say of the broker's connections.
_OPTIONS = (
    *("max_connections", "socket_timeout", "socket_connect_timeout"),
    *("socket_keepalive", "health_check_interval"),
)


class Channel(redis.Channel):
    """A channel with one client, which says so when its connection was closed."""

    _kept: Any = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        try:
            self.global_keyprefix = prefix()
        except PostgresError as error:
            # What Celery waits for is an error of the connection.
            raise RedisConnectionError(f"PostgreSQL, which knows the prefix: {error}") from error
        super().__init__(*args, **kwargs)

    def _create_client(self, asynchronous: bool = False) -> Any:
        """The channel's client; kombu makes a new one for every command, an eighth of an epic."""
        if asynchronous:
            return super()._create_client(asynchronous=True)  # type: ignore[misc]  # in no stub
        if self._kept is None or self._kept.connection_pool is not self.pool:
            self._kept = super()._create_client()  # type: ignore[misc]  # in no stub
        return self._kept

    def _get_pool(self, asynchronous: bool = False) -> Any:
        """Connections to where REDIS_URL points, in the place of kombu's own reading of a URL.

        When Redis goes away under a busy worker, kombu 5.7 closes the transport. What is still
        asked of the channel then (acknowledge what was under way, give back what was not begun)
        failed here with an AttributeError, for which Celery ends the worker. For a connection
        error it waits for Redis; the lanes and the reconciler mind neither loss nor repetition.

        Raises:
            redis.ConnectionError: the transport is closed.
        """
        if self.connection is None or self.connection.client is None:
            raise RedisConnectionError("This connection to Redis was closed.")
        to = address()
        self.keyprefix_fanout = self.keyprefix_fanout.format(db=to.db)
        pool = connection_pool(
            to,
            adapt=self._watched if asynchronous else lambda connection: connection,
            **{name: getattr(self, name) for name in _OPTIONS},
        )
        # Kombu closes them with the channel.
        manager = "_async_sentinel_manager" if asynchronous else "_sentinel_manager"
        setattr(self, manager, getattr(pool, "sentinel_manager", None))
        return pool

    def _watched(self, connection: ConnectionClass) -> ConnectionClass:
        """Connections that the event loop forgets when they are closed."""
        channel: Any = self

        class Watched(connection):  # type: ignore[misc]  # the base is an argument
            def disconnect(self, *args: Any, **kwargs: Any) -> None:
                super().disconnect(*args, **kwargs)
                if channel._registered:
                    channel._on_connection_disconnect(self)

        return Watched


class Transport(redis.Transport):
    """What CELERY_BROKER_TRANSPORT names."""

    Channel = Channel
    #: So that kombu leaves the broker's URL alone.
    can_parse_url = True

    def as_uri(self, uri: str, include_password: bool = False, mask: str = "**") -> str:
        """Where the broker is, for logs and for Flower; never with a password."""
        return str(address())
