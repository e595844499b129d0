"""All clients of this process, as the program uses them."""

import asyncio
from collections.abc import Callable
from uuid import uuid4

from batchgen.celery import app
from batchgen.redis import client as redis
from batchgen.redis.loop_client import loop_client


def use_all() -> None:
    """Use what REDIS_URL names through the client, a loop's client and the broker.

    Raises:
        Exception: the client's error, if all fail.
        AssertionError: only some of them fail.
    """
    redis.client.cache_clear()
    errors = [_error_of(each) for each in (_through_client, _through_loop, _through_broker)]
    assert len({bool(each) for each in errors}) == 1, errors
    if errors[0]:
        assert type(errors[0]) is type(errors[1]), errors
        raise errors[0]


def _error_of(use: Callable[[], None]) -> Exception | None:
    try:
        use()
    except Exception as error:  # compared with the other clients'
        return error
    return None


def _through_client() -> None:
    key = redis.key(f"used:{uuid4()}")
    redis.client().set(key, "yes", ex=60)
    assert redis.client().get(key) == b"yes"


def _through_loop() -> None:
    async def use() -> None:
        client = loop_client()
        key = redis.key(f"used:{uuid4()}")
        try:
            await client.set(key, "yes", ex=60)
            assert await client.get(key) == b"yes"
        finally:
            await client.aclose()

    asyncio.run(use())


def _through_broker() -> None:
    name = f"used-{uuid4()}"
    with app.connection_for_write() as connection:
        connection.ensure_connection(max_retries=1, timeout=1)
        queue = connection.SimpleQueue(name)
        queue.put({"work": 1})
        message = queue.get(timeout=5)
        assert message.payload == {"work": 1}
        message.ack()
