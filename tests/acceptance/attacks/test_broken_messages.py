"""Whatever stands in the broker, a worker drops it, says so, counts it and goes on."""

import base64
import json
import pickle
import zlib
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from batchgen.celery import app
from batchgen.local.child import Running
from batchgen.local.local_dir import free_port
from batchgen.redis import client as redis
from runs.engine.dispatch import TASK_NAME, messages_waiting
from runs.engine.start import RunOptions, run_start
from runs.states import RunStatus
from tests.acceptance.fleet import Fleet, wait_for, wait_until_ended
from tests.integration.engine.world import FIRST_CALL, project_make

pytestmark = pytest.mark.django_db(transaction=True)

ARGS = [str(uuid4()), 1, 1]
KWARGS = {"first_call": FIRST_CALL, "due_at": None}
NO_EMBED = dict.fromkeys(("callbacks", "errbacks", "chain", "chord"))


def envelope(
    body: Any = (ARGS, KWARGS, NO_EMBED), *, headers: dict[str, Any] | None = None, **changed: Any
) -> dict[str, Any]:
    """A message of a task as Celery writes it, but for what is changed."""
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    return {
        "body": base64.b64encode(text).decode(),
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": {"task": TASK_NAME, "id": str(uuid4()), "lang": "py", **(headers or {})},
        "properties": {
            "delivery_tag": str(uuid4()),
            "body_encoding": "base64",
            "delivery_mode": 2,
            "priority": 0,
            "delivery_info": {"exchange": "", "routing_key": "epics"},
        },
    } | changed


def without(name: str) -> dict[str, Any]:
    """A message that lacks one of its parts."""
    return {key: value for key, value in envelope().items() if key != name}


RAW: dict[str, bytes] = {
    "nothing": b"",
    "no JSON": b"garbage",
    "no UTF-8": b"\xff\xfe\x00{",
    "half": json.dumps(envelope()).encode()[:-20],
    "deep": b"[" * 200_000,
    "a long number": b"9" * 5_000,
    "huge": b'"' + b"x" * 20_000_000 + b'"',
    "kombu's own types": b'{"__type__": "uuid", "__value__": 5}',
    "a type that is a list": b'{"__type__": [], "__value__": 5}',
}
#: Of a message whose body is not encoded.
PLAIN = {"delivery_tag": "x", "delivery_info": {}}
DOCUMENTS: dict[str, Any] = {
    "a number": 5,
    "a list": [1, 2],
    "null": None,
    "an empty object": {},
    **{f"no {name}": without(name) for name in ("body", "headers", "properties", "content-type")},
    "no delivery tag": envelope(properties={"delivery_info": {}}),
    "no delivery info": envelope(properties={"delivery_tag": "x", "body_encoding": "base64"}),
    "headers that are a list": envelope() | {"headers": ["task"]},
    "headers that are null": envelope() | {"headers": None},
    "a body that is no text": envelope(body=b"") | {"body": {"a": 1}},
    "a body with half a sign": envelope(body=b"", properties=PLAIN) | {"body": "\ud800"},
    "a body that is no base64": envelope(body=b"") | {"body": "%%%"},
    "a body that is no JSON": envelope(b"\xff{"),
    "an unknown way to write bodies": envelope(
        properties={"delivery_tag": "x", "delivery_info": {}, "body_encoding": "rot13"}
    ),
    "pickle": envelope(pickle.dumps(ARGS)) | {"content-type": "application/x-python-serialize"},
    "an unknown type": envelope() | {"content-type": "text/none"},
    "an unknown encoding": envelope() | {"content-encoding": "utf-99"},
    "compressed": envelope(zlib.compress(b"[[], {}, {}]"), headers={"compression": "zlib"}),
    "an unknown task": envelope(headers={"task": "none.such"}),
    "a task that is a list": envelope(headers={"task": ["a"]}),
    "no id": envelope(headers={"id": None}),
    "an id that is a list": envelope(headers={"id": [1]}),
    "an endless id": envelope(headers={"id": "x" * 100_000}),
    "a wrong expiry": envelope(headers={"expires": "soon"}),
    "an expiry that is a list": envelope(headers={"expires": [1]}),
    "a start in a thousand years": envelope(headers={"eta": "3026-01-01T00:00:00"}),
    "a wrong limit": envelope(headers={"timelimit": 5}),
    "wrong retries": envelope(headers={"retries": "many"}),
    "stamps": envelope(headers={"stamped_headers": 5, "stamps": 5}),
    "the old protocol": envelope({"task": TASK_NAME, "id": "1", "args": [], "kwargs": {}}),
    "no arguments": envelope([[], {}, NO_EMBED]),
    "too many arguments": envelope([[*ARGS, 5, 6], KWARGS, NO_EMBED]),
    "arguments that are an object": envelope({"a": 1}),
    "arguments that are none": envelope(None),
    "arguments of wrong kinds": envelope([["no uuid", "x", []], {"first_call": 5}, NO_EMBED]),
    "numbers out of range": envelope(
        [[str(uuid4()), 10**30, -(10**30)], {"first_call": FIRST_CALL, "due_at": 1e308}, NO_EMBED]
    ),
    "a task to call afterwards": envelope(
        [ARGS, KWARGS, {**NO_EMBED, "callbacks": [{"task": "x"}]}]
    ),
    "a chain that is a number": envelope([ARGS, KWARGS, {**NO_EMBED, "chain": 5}]),
}
COMMANDS: dict[str, Any] = {
    "no command": envelope([1]),
    "an unknown command": envelope({"method": "none"}),
    "a command that is a list": envelope({"method": [1]}),
    "wrong arguments": envelope({"method": "revoke", "arguments": {"a": 1}}),
    "arguments that are a list": envelope({"method": "revoke", "arguments": [1]}),
    "a destination that is a number": envelope({"method": "ping", "destination": 5}),
    "an answer to nowhere": envelope({"method": "ping", "reply_to": {"a": 1}}),
    "an answer to a number": envelope(
        {"method": "ping", "reply_to": {"exchange": 5, "routing_key": 6}}
    ),
    "a wrong pattern": envelope({"method": "ping", "pattern": "(", "matcher": "none"}),
    "an endless clock": envelope({"method": "ping"}, headers={"clock": 1e300}),
    "a clock that is a text": envelope({"method": "ping"}, headers={"clock": "late"}),
}


def put(raw: bytes) -> None:
    """Into the queue's lists, of every priority."""
    for step in ("", "\x06\x163", "\x06\x166", "\x06\x169"):
        redis.client().lpush(redis.key(f"epics{step}"), raw)


def dropped(port: int) -> float:
    """How many messages the worker has counted as broken."""
    text = httpx2.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).text
    lines = [each for each in text.splitlines() if each.startswith("batchgen_broker_messages_d")]
    return sum(float(each.split()[-1]) for each in lines if "_total{" in each)


def is_emptied() -> bool:
    names = [f"epics{step}" for step in ("", "\x06\x163", "\x06\x166", "\x06\x169")]
    return not any(redis.client().llen(redis.key(name)) for name in names)


def generates(worker: Running) -> None:
    """The same worker does good work: more epics than it has places."""
    options = RunOptions(pacing_profile="adaptive", max_concurrency=4)
    run = run_start(project=project_make(epics=6), user=None, options=options)
    wait_until_ended(run)
    assert run.status == RunStatus.SUCCEEDED
    assert worker.code() is None


def test_broken_messages_are_dropped(fleet: Fleet) -> None:
    port = free_port()
    fleet.environment["BATCHGEN_WORKER_METRICS_PORT"] = str(port)
    worker = fleet.start(concurrency=4)
    broken = RAW | {name: json.dumps(each).encode() for name, each in DOCUMENTS.items()}
    for name, raw in broken.items():
        put(raw)
        wait_for(is_emptied, f"{name} is taken")
        assert worker.code() is None, name
    generates(worker)
    # Two are for a task, which may fail: a lane that is none, and arguments of wrong kinds.
    assert dropped(port) >= 4 * (len(broken) - 4)
    assert any("dropped a broken message of epics" in line for line in worker.lines)


def test_broken_commands_are_dropped(fleet: Fleet) -> None:
    worker = fleet.start(concurrency=4)
    channel = redis.key("/0.celery.pidbox")
    wait_for(lambda: redis.client().publish(channel, b'""'), "the worker listens")
    for raw in [*RAW.values(), *(json.dumps(each).encode() for each in COMMANDS.values())]:
        assert redis.client().publish(channel, raw) == 1
        answer = app.control.inspect(["w1@test"], timeout=5).ping()
        assert answer == {"w1@test": {"ok": "pong"}}, (raw[:300], list(worker.lines)[-15:])
    generates(worker)


def test_the_reconciler_sees_past_them() -> None:
    redis.client().flushdb()
    for raw in (*RAW.values(), *(json.dumps(each).encode() for each in DOCUMENTS.values())):
        put(raw)
    good = envelope(headers={"id": "7.1"})
    put(json.dumps(good).encode())
    assert "7.1" in messages_waiting()
    redis.client().flushdb()
