"""Kombu's transport as batchgen mends it."""

from typing import Any

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from batchgen.celery import app
from batchgen.redis import client as redis


def test_a_channel_whose_connection_was_closed_says_so() -> None:
    """As when Redis went away under a busy worker: Celery waits for it after this error alone."""
    redis.client().flushdb()
    with app.connection_for_read() as connection:
        channel: Any = connection.default_channel
        queue = connection.SimpleQueue("letters")
        queue.put({"work": 1})
        queue.get(timeout=5)
        channel.connection.client = None
        channel.__dict__.pop("_pool", None)
        channel._pool = channel._kept = None
        with pytest.raises(RedisConnectionError, match="was closed"):
            channel._size("letters")
    assert RedisConnectionError in app.connection_for_read().connection_errors
