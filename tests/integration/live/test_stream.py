"""A run's stream in Redis takes the news of one of those who bring the same."""

from uuid import uuid4

import pytest

from batchgen.redis import client as redis
from runs.live import stream
from runs.live.events import Event, Position

NEWS = [Event(name="log", data=b'{"seq":1}'), Event(name="run", data=b"{}")]


@pytest.fixture(autouse=True)
def _empty() -> None:
    redis.client().flushdb()


def test_what_is_published_is_read_in_order() -> None:
    run_id = uuid4()
    first = stream.publish(run_id, after=None, events=NEWS, cursor=b"c1")
    assert first is not None
    assert stream.read({run_id: first[0]})[run_id][0].event == NEWS[1]
    last = stream.tail(run_id)
    assert last is not None
    assert (last.at, last.cursor) == (first[1], b"c1")
    assert stream.read({run_id: last.at}) == {}
    assert stream.read({}) == {}


def test_of_two_publications_after_the_same_place_one_counts() -> None:
    run_id = uuid4()
    assert stream.publish(run_id, after=None, events=NEWS, cursor=b"c1")
    assert stream.publish(run_id, after=None, events=NEWS, cursor=b"c2") is None
    last = stream.tail(run_id)
    assert last is not None
    assert last.cursor == b"c1"
    assert stream.publish(run_id, after=last.at, events=NEWS, cursor=b"c2")
    assert stream.publish(run_id, after=last.at, events=NEWS, cursor=b"c3") is None


def test_a_lost_stream_takes_nothing_after_its_old_end() -> None:
    run_id = uuid4()
    places = stream.publish(run_id, after=None, events=NEWS, cursor=b"c1")
    assert places is not None
    stream.forget(run_id)
    assert stream.publish(run_id, after=places[-1], events=NEWS, cursor=b"c2") is None


def test_replay_says_when_something_is_gone() -> None:
    run_id = uuid4()
    places = stream.publish(run_id, after=None, events=NEWS * 3, cursor=b"c1")
    assert places is not None
    found = stream.between(run_id, places[1], places[4])
    assert found is not None
    assert [entry.at for entry in found] == places[2:5]
    redis.client().xtrim(redis.key(f"live:{run_id}"), maxlen=3, approximate=False)
    assert stream.between(run_id, places[1], places[5]) is None
    assert stream.between(uuid4(), Position(1, 0), Position(2, 0)) is None


def test_a_stream_goes_by_itself() -> None:
    run_id = uuid4()
    stream.publish(run_id, after=None, events=NEWS, cursor=b"c1")
    assert redis.client().ttl(redis.key(f"live:{run_id}")) > 3600


def test_a_stream_that_nobody_can_read_is_dropped() -> None:
    run_id = uuid4()
    key = redis.key(f"live:{run_id}")
    redis.client().xadd(key, {"foo": b"bar"})
    assert stream.tail(run_id) is None
    redis.client().set(key, b"no stream")
    assert stream.tail(run_id) is None
    assert stream.publish(run_id, after=None, events=NEWS, cursor=b"c1")
