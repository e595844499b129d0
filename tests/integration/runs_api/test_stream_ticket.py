"""Stream tickets, and who may open a run's stream at all."""

from typing import Any

import pytest

from batchgen.redis import client as redis
from runs.live import tickets
from tests.factories import client_of, member_make, user_make
from tests.integration.engine.world import World

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _empty() -> None:
    redis.client().flushdb()


@pytest.fixture
def world() -> World:
    return World.make(epics=2, lanes=1)


def ticket_of(world: World) -> str:
    answer = client_of(world.run.project.created_by).post(path(world, "stream-ticket"))
    assert answer.status_code == 201, answer.content
    ticket: str = answer.json()["data"]["ticket"]
    return ticket


def path(world: World, end: str) -> str:
    return f"/api/v1/runs/{world.run.id}/{end}"


def opened(world: World, ticket: str) -> Any:
    return client_of(None).get(path(world, "events"), {"ticket": ticket})


def test_a_ticket_is_good_once(world: World) -> None:
    ticket = ticket_of(world)
    answer = opened(world, ticket)
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/event-stream")
    assert opened(world, ticket).status_code == 401


def test_a_ticket_is_good_for_its_run_alone(world: World) -> None:
    ticket = ticket_of(world)
    other = World.make(epics=1)
    assert opened(other, ticket).status_code == 401
    assert opened(world, ticket).status_code == 401, "it was used up"


def test_a_ticket_ends_by_itself(world: World) -> None:
    ticket = ticket_of(world)
    (key,) = redis.client().keys(redis.key("ticket:*"))
    assert 0 < redis.client().ttl(key) <= tickets.TICKET_S == 60
    redis.client().expire(key, 0)
    assert opened(world, ticket).status_code == 401


def test_redis_knows_the_hash_alone(world: World) -> None:
    ticket = ticket_of(world)
    (key,) = redis.client().keys(redis.key("ticket:*"))
    assert ticket not in f"{key!r} {redis.client().get(key)!r}"


def test_a_ticket_opens_nothing_else(world: World) -> None:
    answer = client_of(None).get(path(world, "logs"), {"ticket": ticket_of(world)})
    assert answer.status_code == 401


def test_a_ticket_is_worth_what_its_user_is(world: World) -> None:
    ticket = ticket_of(world)
    user = world.run.project.created_by
    assert user is not None
    user.is_active = False
    user.save()
    assert opened(world, ticket).status_code == 401


@pytest.mark.parametrize(("method", "end"), [("get", "events"), ("post", "stream-ticket")])
def test_who_may_not_read_the_run_sees_none(world: World, method: str, end: str) -> None:
    def status(user: Any) -> int:
        answer = getattr(client_of(user), method)(path(world, end))
        return int(answer.status_code)

    good = {"get": 200, "post": 201}[method]
    assert status(None) == 401
    assert status(user_make("stranger")) == 404
    assert status(member_make(world.run.project, "viewer")) == good
    assert status(user_make("staff", is_staff=True)) == good


def test_who_takes_event_streams_gets_errors_as_json(world: World) -> None:
    client = client_of(user_make("stranger"))
    answer = client.get(path(world, "events"), headers={"accept": "text/event-stream"})
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "NOT_FOUND"
    refused = client.get(path(world, "events"), headers={"accept": "image/png"})
    assert refused.status_code == 406
