"""Kombu's Redis transport, connected as REDIS_URL says, with fixes for lost and broken messages."""

from collections.abc import Callable
from functools import partial
from typing import Any

from kombu.transport import redis, virtual
from kombu.utils.encoding import bytes_to_str
from psycopg import Error as PostgresError
from redis.exceptions import ConnectionError as RedisConnectionError

from batchgen.redis.broker_messages import check_content, check_envelope, drop, is_readable
from batchgen.redis.client import ConnectionClass, address, connection_pool, prefix

#: What Celery's settings say of the broker's connections.
_OPTIONS = (
    *("max_connections", "socket_timeout", "socket_connect_timeout"),
    *("socket_keepalive", "health_check_interval"),
)
#: Errors that Celery has an answer to: it waits for Redis.
_OF_THE_CONNECTION = (*redis.Transport.connection_errors, *redis.Transport.channel_errors)


class Client(redis.PrefixedStrictRedis):
    """Takes what cannot be read for nothing: kombu's own error ends the worker."""

    def parse_response(self, connection: Any, command_name: str, **options: Any) -> Any:
        """The answer; none for a message of a queue that was dropped."""
        answer = super().parse_response(connection, command_name, **options)
        if (
            command_name == "BRPOP"
            and answer
            and not is_readable(bytes_to_str(answer[0]), answer[1])
        ):
            return None
        return answer

    def pubsub(self, **kwargs: Any) -> "Subscription":
        """What listens to control commands."""
        return Subscription(self.connection_pool, global_keyprefix=self.global_keyprefix, **kwargs)


class Subscription(redis.PrefixedRedisPubSub):
    """The same for commands that are for every worker."""

    def parse_response(self, *args: Any, **kwargs: Any) -> Any:
        """The answer; none for a message that was dropped."""
        answer = super().parse_response(*args, **kwargs)
        if answer and bytes_to_str(answer[0]).endswith("message"):
            return answer if is_readable(bytes_to_str(answer[-2]), answer[-1]) else None
        return answer


class Message(virtual.Message):
    """A message whose envelope is known to be one."""

    def __init__(self, payload: Any, channel: Any = None, **kwargs: Any) -> None:
        check_envelope(payload)
        super().__init__(payload, channel=channel, **kwargs)


class Channel(redis.Channel):
    """A channel with one client, which says so when its connection was closed.

    A message that is broken, or whose handling fails where Celery expects no failure, ends nothing:
    it is dropped.
    """

    Message = Message
    _kept: Any = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        try:
            self.global_keyprefix = prefix()
        except PostgresError as error:
            # What Celery waits for is an error of the connection.
            raise RedisConnectionError(f"PostgreSQL, which knows the prefix: {error}") from error
        super().__init__(*args, **kwargs)

    def basic_consume(  # type: ignore[override]  # kombu names all but the queue
        self, queue: str, *args: Any, callback: Callable[[Any], object], **kwargs: Any
    ) -> Any:
        """As kombu's, but that a message's errors stay its own; those of the connection do not."""

        def handle(message: Any) -> None:
            try:
                check_content(queue, message)
                callback(message)
            except _OF_THE_CONNECTION:
                raise
            except Exception as error:  # whatever a message can do
                drop(queue, error)
                if not (kwargs.get("no_ack") or message.acknowledged):
                    message.reject()

        return super().basic_consume(queue, *args, callback=handle, **kwargs)

    def _get_client(self) -> Any:
        return partial(Client, global_keyprefix=self.global_keyprefix)

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

    def _deliver(self, message: Any, queue: str | None) -> None:
        try:
            super()._deliver(message, queue)
        except _OF_THE_CONNECTION:
            raise
        except Exception as error:  # nothing was made of it yet
            drop(str(queue), error)

    def as_uri(self, uri: str, include_password: bool = False, mask: str = "**") -> str:
        """Where the broker is, for logs and for Flower; never with a password."""
        return str(address())
