"""Flower's page of the broker, over a connection as everything else has.

Flower reads the broker's URL by rules of its own: no certificate of an authority named in it, one
Sentinel of several, no database of a Unix socket.
"""

import asyncio
from collections.abc import Iterable
from typing import Any

from django.conf import settings

from batchgen import redis
from batchgen.broker import Channel


class Broker:
    """In the place of Flower's, which is made of a URL."""

    def __init__(self, *_: object, **__: object) -> None:
        pass

    async def queues(self, names: Iterable[str]) -> list[dict[str, Any]]:
        """How many messages wait in each queue: `{name, messages}`.

        Raises:
            redis.RedisError: Redis is away.
        """
        return await asyncio.to_thread(_lengths, list(names))


def _lengths(names: list[str]) -> list[dict[str, Any]]:
    steps = settings.CELERY_BROKER_TRANSPORT_OPTIONS["priority_steps"]
    pipeline = redis.client().pipeline(transaction=False)
    for name in names:
        for step in steps:
            pipeline.llen(redis.key(f"{name}{Channel.sep}{step}" if step else name))
    counts = iter(pipeline.execute())
    return [{"name": name, "messages": sum(next(counts) for _ in steps)} for name in names]
