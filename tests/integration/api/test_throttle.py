"""So many requests a minute, as long as Redis counts."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from pytest_django.fixtures import Settings

from batchgen.http import throttle
from batchgen.redis import client as redis
from tests.factories import client_of, project_make, user_make

pytestmark = pytest.mark.django_db

API = "/api/v1"
#: What is left of a minute in which a test goes on.
LEFT_S = 30


@pytest.fixture(autouse=True)
def _three_requests_a_minute(settings: Settings) -> None:
    settings.REDIS_PREFIX = f"throttle-{uuid4()}:"
    settings.REQUESTS_PER_MINUTE = 3


@pytest.fixture
def no_redis(settings: Settings) -> Iterator[None]:
    """A Redis that is away, for this test."""
    settings.REDIS_URL = "redis://127.0.0.1:9/0"
    redis.client.cache_clear()
    yield
    redis.client.cache_clear()
    throttle._rest["until"] = 0.0


def statuses(user: User | None, count: int, **query: Any) -> list[int]:
    client = client_of(user)
    return [client.get(f"{API}/projects", query).status_code for _ in range(count)]


def test_a_users_minute_is_full() -> None:
    user = user_make()
    assert statuses(user, 4) == [200, 200, 200, 429]
    answer = client_of(user).get(f"{API}/runs")
    assert answer.json()["error"]["code"] == "THROTTLED"
    assert 0 < int(answer["Retry-After"]) <= 60
    assert statuses(user_make(), 1) == [200]


def test_the_next_minute_is_a_new_one() -> None:
    user = user_make()
    assert statuses(user, 4)[-1] == 429
    redis.client().pexpire(_counted(), 0)
    assert statuses(user, 1) == [200]


def test_requests_make_the_minute_no_longer() -> None:
    user = user_make()
    statuses(user, 1)
    redis.client().expire(_counted(), LEFT_S)
    assert statuses(user, 3) == [200, 200, 429]
    assert redis.client().ttl(_counted()) <= LEFT_S


def test_a_count_without_an_end_gets_one() -> None:
    """Its minute was over between the commands that count."""
    user = user_make()
    statuses(user, 1)
    redis.client().persist(_counted())
    assert statuses(user, 1) == [200]
    assert 0 < redis.client().ttl(_counted()) <= 60


def _counted() -> str:
    """The key of what is counted; there is one."""
    (key,) = redis.client().scan_iter(redis.key("throttle:*"))
    return str(key, "utf-8") if isinstance(key, bytes) else key


def test_who_is_not_signed_in_is_counted_by_address() -> None:
    def refresh(address: str) -> int:
        body = {"refresh": "x"}
        return (
            client_of(None).post(f"{API}/auth/token/refresh", body, REMOTE_ADDR=address).status_code
        )

    assert [refresh("192.0.2.1") for _ in range(4)] == [401, 401, 401, 429]
    assert refresh("192.0.2.2") == 401


def test_no_limit(settings: Settings) -> None:
    settings.REQUESTS_PER_MINUTE = 0
    assert statuses(user_make(), 5) == [200] * 5


def test_adding_members_has_a_limit_of_its_own(settings: Settings) -> None:
    settings.REQUESTS_PER_MINUTE, settings.MEMBERS_PER_MINUTE = 100, 2
    project = project_make()
    client, url = client_of(project.created_by), f"{API}/projects/{project.pk}/members"
    body = {"username": "nobody-here", "role": "viewer"}
    assert [client.post(url, body).status_code for _ in range(3)] == [400, 400, 429]
    assert client.get(url).status_code == 200


@pytest.mark.usefixtures("no_redis")
def test_nobody_is_held_up_while_redis_is_away() -> None:
    assert statuses(user_make(), 5) == [200] * 5
    assert throttle._rest["until"] > 0
