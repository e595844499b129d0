"""Imports of Django's settings stand inside: this file is read before Django is set up."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

#: Uses the Redis of a URL through both clients; raises their error.
Use = Callable[[str], None]


@pytest.fixture
def use(settings: Any) -> Iterator[Use]:
    from batchgen.redis import client as redis
    from tests.integration.redis_url.clients import use_both

    def both(url: str) -> None:
        settings.REDIS_URL = url
        use_both()

    yield both
    redis.client.cache_clear()
