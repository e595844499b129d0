"""Each fault of a deployment has its finding."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils.timezone import now

from batchgen import redis
from runs.models import Worker

pytestmark = pytest.mark.django_db(transaction=True)

Doctor = Callable[..., dict[str, dict[str, Any]]]


@pytest.fixture
def redis_away(settings: Any) -> Iterator[None]:
    settings.REDIS_URL = "redis://127.0.0.1:9/0"
    redis.client.cache_clear()
    yield
    redis.client.cache_clear()


def levels(found: dict[str, dict[str, Any]]) -> dict[str, str]:
    return {code: each["level"] for code, each in found.items()}


def test_a_deployment_in_order(doctor: Doctor) -> None:
    Worker.objects.create(name="w1", concurrency=1, lease_until=now() + timedelta(seconds=60))
    found = levels(doctor("database", "redis", "celery"))
    assert set(found.values()) == {"ok"}
    assert {"DATABASE_VERSION", "REDIS_VERSION", "WORKERS"} <= set(found)


def test_no_worker(doctor: Doctor) -> None:
    assert levels(doctor("celery")) == {"NO_WORKER": "error"}


def test_redis_away(redis_away: None, doctor: Doctor) -> None:
    assert levels(doctor("redis")) == {"REDIS_UNREACHABLE": "error"}
