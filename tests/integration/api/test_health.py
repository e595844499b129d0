"""/healthz and /readyz."""

import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils.timezone import now

from batchgen.redis import client as redis
from runs.models import Worker
from tests.factories import client_of

pytestmark = pytest.mark.django_db(transaction=True)


def worker_make(**fields: Any) -> None:
    fields = {"lease_until": now() + timedelta(seconds=60), **fields}
    Worker.objects.create(name="w1@here", concurrency=1, **fields)


@pytest.fixture
def redis_away(settings: Any) -> Iterator[None]:
    settings.REDIS_URL = "redis://127.0.0.1:9/0"
    redis.client.cache_clear()
    yield
    redis.client.cache_clear()


def missing() -> list[str]:
    answer = client_of(None).get("/readyz")
    assert answer.status_code == 503
    assert int(answer["Retry-After"]) >= 1
    error = answer.json()["error"]
    assert error["code"] == "UNAVAILABLE"
    found: list[str] = error["details"]["missing"]
    return found


def test_the_process_is_up(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        answer = client_of(None).get("/healthz")
    assert answer.json() == {"data": {"status": "ok"}, "error": None}


def test_ready_with_a_worker() -> None:
    worker_make()
    answer = client_of(None).get("/readyz")
    assert answer.json() == {"data": {"status": "ready"}, "error": None}


@pytest.mark.parametrize(
    "fields", [{"lease_until": now() - timedelta(seconds=1)}, {"stopped_at": now()}]
)
def test_a_worker_whose_lease_ended_or_that_stopped_does_not_count(fields: Any) -> None:
    worker_make(**fields)
    assert missing() == ["worker"]


def test_redis_away(redis_away: None) -> None:
    worker_make()
    begun = time.monotonic()
    assert missing() == ["redis"]
    assert time.monotonic() - begun < 3


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_they_are_only_read(path: str) -> None:
    answer = Client(enforce_csrf_checks=True).post(path)
    assert answer.status_code == 405
    assert answer["Allow"] == "GET, HEAD"
