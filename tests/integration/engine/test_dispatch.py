"""Messages of items: as Celery itself would write them, and many in one round trip."""

import asyncio
import json
from base64 import b64decode
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
import redis.asyncio
from celery.app.task import Context
from django.conf import settings
from pytest_django.fixtures import Settings

from batchgen.celery import app
from batchgen.redis import client as redis_client
from batchgen.redis.task_message import queue_key, queue_keys
from runs.engine import dispatch
from runs.engine.dispatch import LOWEST_PRIORITY, TASK_NAME, Link
from runs.states import MESSAGE_PRIORITY, Priority

LINK = Link(
    run_id=UUID(int=1),
    user_id=7,
    weight=1,
    context_key="0123456789abcdef",
    item_id=UUID(int=2),
    lane_id=41,
    fencing_token=3,
    priority="NORMAL",
    provider="simulator",
    model="claude-sonnet-5-5",
    kind="stories",
    options={"mode": "standard", "persona_set": "core"},
    prompt_set_id=None,
    max_tokens=8000,
    estimated_input_tokens=1200,
    code="E1",
    title='Größe "L" \N{PILE OF POO}\n',
)
#: How often this file asked Redis how often it read something.
_asked = [0]
#: New in every message.
_OF_THE_MOMENT = "delivery_tag"


def _links(count: int, **changed: Any) -> list[Link]:
    return [replace(LINK, lane_id=number, **changed) for number in range(count)]


def _in_broker() -> dict[str, list[dict[str, Any]]]:
    """Messages by the key of their list, in the order in which they are read."""
    client: Any = redis_client.client()
    found = {name: client.lrange(name, 0, -1)[::-1] for name in queue_keys(settings.ITEM_QUEUE)}
    return {name: [_read(raw) for raw in raws] for name, raws in found.items() if raws}


def _read(raw: str | bytes) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(raw)
    message["body"] = json.loads(b64decode(message["body"]))
    assert message["properties"].pop(_OF_THE_MOMENT)
    return message


def _send_by_celery(link: Link, *, priority: int, due_at: float | None) -> None:
    with app.connection_for_write() as connection:
        app.send_task(
            TASK_NAME,
            (str(link.item_id), link.lane_id, link.fencing_token),
            {"first_call": link.first_call, "due_at": due_at},
            task_id=link.message_id,
            priority=priority,
            argsrepr=f"{link.code}: {link.title} | run {link.run_id}",
            kwargsrepr=f"lane {link.lane_id}, fencing_token {link.fencing_token}",
            queue=settings.ITEM_QUEUE,
            declare=(),
            retry=False,
            ignore_result=True,
            connection=connection,
        )


@pytest.fixture(params=["batchgen-test:", "other:"])
def _prefix(request: pytest.FixtureRequest, settings: Settings) -> None:
    """That of the suite, and another one."""
    settings.REDIS_PREFIX = request.param


@pytest.mark.usefixtures("_prefix")
@pytest.mark.parametrize("due_at", [None, 1_800_000_000.25])
@pytest.mark.parametrize("priority", [*Priority, None])
def test_a_message_is_what_celery_would_have_sent(
    priority: Priority | None, due_at: float | None
) -> None:
    behind, link = priority is None, replace(LINK, priority=priority or "NORMAL")
    step = LOWEST_PRIORITY if behind else MESSAGE_PRIORITY[link.priority]
    _send_by_celery(link, priority=step, due_at=due_at)
    celerys = _in_broker()
    redis_client.client().flushdb()
    dispatch.send([link], due_at=due_at, behind=behind)
    assert len(celerys) == 1
    assert _in_broker() == celerys


def test_ordinary_tasks_have_a_queue_of_their_own() -> None:
    """Where they wait for no item, and no item waits for them."""
    app.send_task("workers.delete_expired")
    assert not _in_broker()
    assert redis_client.client().llen(queue_key("tasks", 0)) == 1


def test_a_message_that_celery_read_is_sent_again_behind_all_others() -> None:
    app.loader.import_default_modules()
    dispatch.send([LINK], due_at=5.0)
    ((sent,),) = _in_broker().values()
    with app.connection_for_read() as connection:
        received = connection.SimpleQueue(settings.ITEM_QUEUE).get(timeout=5)
        received.ack()
    args, kwargs, _ = received.payload
    dispatch._push(dispatch.again_of(Context(received.headers, args=args, kwargs=kwargs)))
    behind = queue_keys(settings.ITEM_QUEUE)[-1]
    sent["properties"]["priority"] = LOWEST_PRIORITY
    assert _in_broker() == {behind: [sent]}


def test_all_are_sent_in_one_round_trip() -> None:
    before = _reads_of_the_server()
    dispatch.send([*_links(3), *_links(3, priority="HIGH")])
    assert _reads_of_the_server() - before == 1


def test_many_are_read_in_the_order_in_which_they_were_sent() -> None:
    dispatch.send([*_links(50), *_links(50, priority="HIGH")])
    for messages in _in_broker().values():
        assert [each["body"][0][1] for each in messages] == list(range(50))


def test_nothing_is_sent_for_none() -> None:
    before = _reads_of_the_server()
    dispatch.send([])
    assert _reads_of_the_server() == before


def _reads_of_the_server() -> int:
    """How often Redis read something from a socket, before this question and the last."""
    told: Any = redis_client.client().info("stats")
    _asked[0] += 1
    return int(told["total_reads_processed"]) - _asked[0]


def test_an_event_loop_sends_the_same() -> None:
    dispatch.send(_links(3), due_at=7.5)
    plainly = _in_broker()
    redis_client.client().flushdb()

    async def send() -> None:
        async with redis.asyncio.from_url(settings.REDIS_URL) as client:
            await dispatch.push_async(client, dispatch.lists_of(_links(3), due_at=7.5))

    asyncio.run(send())
    assert _in_broker() == plainly


def test_where_the_broker_is_away_the_reconciler_sends(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    redis_client.client.cache_clear()
    settings.REDIS_URL = "redis://127.0.0.1:9/0"
    try:
        dispatch.send(_links(3))

        async def send() -> None:
            async with redis.asyncio.from_url(settings.REDIS_URL) as client:
                await dispatch.push_async(client, dispatch.lists_of(_links(3)))

        asyncio.run(send())
    finally:
        redis_client.client.cache_clear()
    assert [record.args and record.args[0] for record in caplog.records] == [3, 3]  # type: ignore[index]
