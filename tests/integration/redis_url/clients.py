"""Both clients of this process, as the program uses them."""

from collections.abc import Callable
from uuid import uuid4

from batchgen.celery import app
from batchgen.redis import client as redis


def use_both() -> None:
    """Use what REDIS_URL names through the client and through the broker.

    Raises:
        Exception: the client's error, if both fail.
        AssertionError: only one of the two fails.
    """
    redis.client.cache_clear()
    errors = [_error_of(each) for each in (_through_client, _through_broker)]
    assert bool(errors[0]) == bool(errors[1]), errors
    if errors[0]:
        raise errors[0]


def _error_of(use: Callable[[], None]) -> Exception | None:
    try:
        use()
    except Exception as error:  # compared with the other client's
        return error
    return None


def _through_client() -> None:
    key = redis.key(f"used:{uuid4()}")
    redis.client().set(key, "yes", ex=60)
    assert redis.client().get(key) == b"yes"


def _through_broker() -> None:
    name = f"used-{uuid4()}"
    with app.connection_for_write() as connection:
        connection.ensure_connection(max_retries=1, timeout=1)
        queue = connection.SimpleQueue(name)
        queue.put({"work": 1})
        message = queue.get(timeout=5)
        assert message.payload == {"work": 1}
        message.ack()
