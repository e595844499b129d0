"""Imports of Django's settings stand inside: this file is read before Django is set up."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

#: Uses the Redis of a URL through all clients; raises their error.
Use = Callable[[str], None]


@pytest.fixture
def use(settings: Any) -> Iterator[Use]:
    from batchgen.redis import client as redis
    from tests.integration.redis_url.clients import use_all

    def through_all(url: str) -> None:
        settings.REDIS_URL = url
        use_all()

    yield through_all
    redis.client.cache_clear()
