"""Messages of items on their way into the loop, from the real Redis."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from celery.events.dispatcher import EventDispatcher
from celery.worker import state
from django.conf import settings

from batchgen.celery import app
from batchgen.redis import client as redis
from batchgen.redis.client import PATIENCE
from batchgen.redis.loop_client import loop_client
from batchgen.redis.task_message import queue_key, task_message
from tests.acceptance.fleet import wait_for
from tests.integration.engine.world import FIRST_CALL
from workers.celery_face import Consumer, ItemRequest
from workers.intake import Intake
from workers.loop import LoopThread
from workers.tasks import generate_item

#: Long enough for a message that nobody should have asked for.
_A_MOMENT_S = 0.3


class Lanes:
    """An intake that pulls in a loop of its own, with lanes that a test frees.

    Attributes:
        requests: by their id, those that are or were worked on.
        refused: ids of messages whose work cannot begin.
        is_served: PostgreSQL answers.
    """

    is_served = True

    def __init__(self, count: int) -> None:
        self.loop = LoopThread()
        self.loop.start()
        self.intake = Intake(work=self._work, concurrency=count, is_served=lambda: self.is_served)
        self.requests: dict[str, ItemRequest] = {}
        self.refused: set[str] = set()
        self._ends: dict[str, asyncio.Future[bool]] = {}
        self.attach()
        self.loop.run(self._start())

    def attach(self, events: EventDispatcher | None = None) -> None:
        consumer = Consumer(task=generate_item, hostname="w1@test", events=events)
        self.loop.call(self.intake.attach, consumer)

    def end(self, id_: str, error: Exception | None = None) -> None:
        """The message's work ends, or fails."""
        self.loop.run(self._end(self._ends[id_], error))

    def has_begun(self, *ids: str) -> None:
        wait_for(lambda: self.requests.keys() >= set(ids), f"{ids} are begun", timeout_s=10)

    def rest(self) -> None:
        """Let the loop do what it has to do."""
        self.loop.run(asyncio.sleep(_A_MOMENT_S))

    def close(self) -> None:
        self.loop.run(self._stop())
        self.loop.close()

    def _work(self, request: ItemRequest) -> "asyncio.Future[bool]":
        if request.id in self.refused:
            raise ValueError(request.id)
        self.requests[request.id] = request
        self._ends[request.id] = asyncio.get_running_loop().create_future()
        return self._ends[request.id]

    async def _end(self, work: "asyncio.Future[bool]", error: Exception | None) -> None:
        if error:
            work.set_exception(error)
        else:
            work.set_result(True)
        await asyncio.sleep(0.01)

    async def _start(self) -> None:
        self._client = loop_client()
        self._pulling = asyncio.create_task(self.intake.pull(self._client))

    async def _stop(self) -> None:
        self._pulling.cancel()
        await asyncio.wait([self._pulling])
        await self._client.aclose()


@pytest.fixture
def lanes() -> Iterator[Callable[[int], Lanes]]:
    redis.client().flushdb()
    made: list[Lanes] = []

    def make(count: int) -> Lanes:
        made.append(Lanes(count))
        return made[-1]

    yield make
    for each in made:
        each.close()
    redis.client().flushdb()


def _send(*ids: str) -> None:
    for id_ in ids:
        _push(_message(id_))


def _message(id_: str) -> str:
    return task_message(
        task=generate_item.name,
        id_=id_,
        args=["00000000-0000-0000-0000-000000000001", 1, 1],
        kwargs={"first_call": FIRST_CALL},
        argsrepr=id_,
        kwargsrepr="",
        queue=settings.ITEM_QUEUE,
        priority=3,
    )


def _push(raw: str | bytes) -> None:
    redis.client().lpush(queue_key(settings.ITEM_QUEUE, 3), raw)


def _left() -> int:
    """How many messages nobody has taken."""
    return redis.client().llen(queue_key(settings.ITEM_QUEUE, 3))


def _asking() -> list[str]:
    """The connections that wait for a message."""
    return [each["id"] for each in redis.client().client_list() if "b" in each["flags"]]


def test_all_lanes_have_a_message_though_none_has_ended(lanes: Callable[[int], Lanes]) -> None:
    ids = [f"m{number}" for number in range(100)]
    many = lanes(100)
    _send(*ids)
    many.has_begun(*ids)


def test_no_more_messages_are_asked_for_than_lanes_are_free(lanes: Callable[[int], Lanes]) -> None:
    two = lanes(2)
    _send("a")
    two.has_begun("a")
    two.end("a")
    _send("b", "c", "d", "e", "f")
    two.has_begun("b", "c")
    two.rest()
    assert (set(two.requests), _left()) == ({"a", "b", "c"}, 3)
    two.end("c")
    two.has_begun("d")
    two.rest()
    assert (set(two.requests), _left()) == ({"a", "b", "c", "d"}, 2)


def test_messages_are_left_to_others_while_postgresql_does_not_answer(
    lanes: Callable[[int], Lanes],
) -> None:
    two = lanes(2)
    wait_for(_asking, "a message is asked for")
    two.is_served = False
    wait_for(lambda: not _asking(), "none is asked for")
    _send("a")
    two.rest()
    assert (set(two.requests), _left()) == (set(), 1)
    two.is_served = True
    two.has_begun("a")


def test_broken_messages_cost_no_lane(lanes: Callable[[int], Lanes]) -> None:
    two = lanes(2)
    for _ in range(5):
        _push(b"{")
    _send("a", "b")
    two.has_begun("a", "b")


def test_messages_of_other_tasks_cost_no_lane(lanes: Callable[[int], Lanes]) -> None:
    """Of a release before, whose ordinary tasks were sent to the same queue."""
    two = lanes(2)
    for place in range(5):
        _push(
            task_message(
                task="workers.delete_expired",
                id_=f"{place}.other",
                args=[],
                kwargs={},
                argsrepr="",
                kwargsrepr="",
                queue=settings.ITEM_QUEUE,
                priority=3,
            )
        )
    _send("a", "b")
    two.has_begun("a", "b")
    assert set(two.requests) == {"a", "b"}


def test_messages_that_were_revoked_cost_no_lane(lanes: Callable[[int], Lanes]) -> None:
    two = lanes(2)
    revoked = [f"{place}.revoked" for place in range(5)]
    state.revoked.update(revoked)
    try:
        _send(*revoked, "a", "b")
        two.has_begun("a", "b")
        assert not two.requests.keys() & set(revoked)
    finally:
        for id_ in revoked:
            state.revoked.discard(id_)


def test_whatever_becomes_of_a_message_the_next_ones_are_taken(
    lanes: Callable[[int], Lanes],
) -> None:
    two = lanes(2)
    two.refused = {"a", "b", "c"}
    _send("a", "b", "c", "d", "e", "f")
    two.has_begun("d", "e")
    two.end("d", ValueError("a bug"))
    two.has_begun("f")
    two.rest()
    assert "f" in two.requests


def test_where_its_connection_breaks_the_messages_after_it_are_taken(
    lanes: Callable[[int], Lanes],
) -> None:
    two = lanes(2)
    for name in ("ab", "cd"):
        wait_for(lambda: redis.client().info("clients")["blocked_clients"] == 1, "it asks")
        assert redis.client().client_kill_filter(_type="normal", skipme=True)
        _send(*name)
        two.has_begun(*name)
        for id_ in name:
            two.end(id_)


def test_a_wait_for_messages_is_no_silence_of_redis(
    lanes: Callable[[int], Lanes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PATIENCE, "socket_timeout", _A_MOMENT_S / 3)
    one = lanes(1)
    wait_for(lambda: len(_asking()) == 1, "it asks")
    asks = _asking()
    one.rest()
    assert _asking() == asks, "by the same connection"


def test_a_cancel_that_nobody_meant_ends_no_pulling(lanes: Callable[[int], Lanes]) -> None:
    """As a time-out left one behind, in Pythons before 3.11.3."""
    one = lanes(1)
    wait_for(lambda: len(_asking()) == 1, "it asks")
    asked = _asking()
    one.loop.run(_stray_cancel())
    wait_for(lambda: _asking() not in ([], asked), "it asks once more")
    _send("a")
    one.has_begun("a")


async def _stray_cancel() -> None:
    (pulling,) = [each for each in asyncio.all_tasks() if "_pull(" in repr(each)]
    pulling.cancel()


def test_celerys_books_are_kept_by_celerys_own_thread(lanes: Callable[[int], Lanes]) -> None:
    one = lanes(1)
    _send("a")
    one.has_begun("a")
    request = one.requests["a"]
    assert request not in state.reserved_requests
    one.intake.celery_state.catch_up()
    assert request in state.reserved_requests
    one.loop.run(_called(one.intake.begins, request, _nothing))
    assert request not in state.active_requests
    one.intake.celery_state.catch_up()
    assert request in state.active_requests
    one.end("a")
    assert request in state.active_requests
    one.intake.celery_state.catch_up()
    assert request not in state.active_requests
    assert "a" not in state.requests


async def _called(function: Callable[..., object], *args: Any) -> None:
    function(*args)


def _nothing() -> None:
    """No call is given up here."""


class Heard(EventDispatcher):
    """Celery's dispatcher, with what it was to send."""

    def __init__(self, *groups: str, enabled: bool = True) -> None:
        super().__init__(app=app, enabled=False, groups=list(groups))
        self.enabled = enabled
        self.heard: list[tuple[str, str]] = []
        self.threads: set[str] = set()

    def send(self, kind: str, **fields: Any) -> None:  # type: ignore[override]  # no stub
        self.heard.append((kind, fields["uuid"]))
        self.threads.add(threading.current_thread().name)


def test_a_text_that_is_none_ends_no_pulling(lanes: Callable[[int], Lanes]) -> None:
    """Half of a sign is JSON, and cannot be written as bytes."""
    two = lanes(2)
    message = json.loads(_message("broken"))
    message["properties"]["body_encoding"] = None
    message["body"] = "\ud800"
    _push(json.dumps(message))
    _send("a", "b")
    two.has_begun("a", "b")


@pytest.mark.parametrize("deaf", [Heard("worker"), Heard(enabled=False)], ids=["worker", "off"])
def test_task_events_go_where_somebody_listens_for_tasks_alone(
    deaf: Heard, lanes: Callable[[int], Lanes]
) -> None:
    """A worker without `-E` sends events all the same: its heartbeats."""
    listening = Heard()
    two = lanes(2)
    two.attach(deaf)
    _send("a")
    two.has_begun("a")
    two.attach(listening)
    _send("b")
    wait_for(lambda: listening.heard, "an event is sent")
    assert (deaf.heard, listening.heard) == ([], [("task-received", "b")])
    assert "loop" not in listening.threads
