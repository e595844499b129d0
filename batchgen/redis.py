"""One Redis connection pool a process, and the names of batchgen's own keys."""

from functools import cache

import redis
from django.conf import settings


@cache
def client() -> redis.Redis:
    """This process's client; its calls raise `redis.RedisError` when Redis is away."""
    return redis.Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=5,
        socket_connect_timeout=2,
        health_check_interval=30,
    )


def key(name: str) -> str:
    """The key under this installation's prefix."""
    return f"{settings.REDIS_PREFIX}{name}"
