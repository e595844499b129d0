"""Validation of broker messages, before Celery sees them.

Whoever can write into Redis can put anything there. What Celery 5.6 and kombu 5.7 do with some of
it ends the worker, or costs one of its places for good; so what is not as batchgen's own programs
write it is dropped, logged and counted.
"""

import logging
from base64 import b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from celery import current_app
from django.conf import settings
from kombu.utils.encoding import bytes_to_str
from kombu.utils.json import dumps, loads

from batchgen.metrics import MESSAGES_DROPPED

log = logging.getLogger(__name__)

#: Our own have 2 kB; the answers of control commands, with all that was revoked, may have some 100.
LARGEST_BYTES = 4_000_000
_SHOWN = 200
_LONGEST_ID = 255
#: Of the Lamport clock, which takes on the highest value that it sees.
_LAST_CLOCK = 2**53
_TEXT = (str, type(None))
_NUMBER = (int, type(None))
#: Celery's own headers of a task, as far as it reads them without a look at their type.
_HEADERS: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("lang", "shadow", "root_id", "parent_id", "group", "origin"), _TEXT),
    **dict.fromkeys(("argsrepr", "kwargsrepr", "expires"), _TEXT),
    **dict.fromkeys(("retries", "group_index", "replaced_task_nesting", "ignore_result"), _NUMBER),
}
#: Of a control command.
_COMMAND: dict[str, tuple[type, ...]] = {
    "method": (str,),
    "ticket": _TEXT,
    "destination": (list, type(None)),
    # Of those nothing is used, and one that fails leaves the worker deaf.
    **dict.fromkeys(("pattern", "matcher"), (type(None),)),
    **dict.fromkeys(("arguments", "reply_to"), (dict, type(None))),
}


class InvalidMessage(Exception):
    """A message that nothing of batchgen sends; `kind` is for the metric, the text for the log."""

    def __init__(self, kind: str, why: str) -> None:
        super().__init__(why)
        self.kind = kind


def drop(queue: str, error: Exception) -> None:
    """Log and count a message that is not handled."""
    kind = error.kind if isinstance(error, InvalidMessage) else "failed"
    MESSAGES_DROPPED.labels(kind).inc()
    told = str(error) if isinstance(error, InvalidMessage) else repr(error)
    trace = None if isinstance(error, InvalidMessage) else error
    log.error(
        "dropped a broken message of %s (%s): %.*s", queue, kind, _SHOWN, told, exc_info=trace
    )


def is_readable(queue: str, raw: bytes) -> bool:
    """Whether it is JSON of a bearable size; else it was dropped."""
    try:
        if len(raw) > LARGEST_BYTES:
            raise InvalidMessage("size", f"it has {len(raw)} bytes")
        _json(raw)
    except InvalidMessage as error:
        drop(queue, error)
        return False
    return True


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskMessage:
    """A task's message whose form is right; `raw` is all of it, as it came."""

    headers: Mapping[str, Any]
    args: Sequence[Any]
    kwargs: Mapping[str, Any]
    priority: int
    raw: bytes


def read_task(queue: str, raw: bytes) -> TaskMessage | None:
    """A message of a queue of tasks; None for one that was dropped."""
    try:
        if len(raw) > LARGEST_BYTES:
            raise InvalidMessage("size", f"it has {len(raw)} bytes")
        envelope = _json(raw)
        check_envelope(envelope)
        payload = _json(_body(envelope))
        _check_task(envelope["headers"], payload)
    except InvalidMessage as error:
        drop(queue, error)
        return None
    return TaskMessage(
        headers=envelope["headers"],
        args=payload[0],
        kwargs=payload[1],
        priority=_priority(envelope["properties"]),
        raw=raw,
    )


def task_of(message: Any) -> TaskMessage:
    """A message that kombu read, and `check_content` saw."""
    args, kwargs, _ = message.payload
    envelope = {
        "body": message.body,
        "content-type": message.content_type,
        "content-encoding": message.content_encoding,
        "headers": message.headers,
        "properties": message.properties,
    }
    return TaskMessage(
        headers=message.headers,
        args=args,
        kwargs=kwargs,
        priority=_priority(message.properties),
        raw=dumps(envelope).encode(),
    )


def _body(envelope: Mapping[str, Any]) -> bytes:
    encoding = envelope["properties"].get("body_encoding")
    _require(encoding in (None, "base64"), "content", f"its body is encoded as {encoding!r}")
    body: str = envelope["body"]
    try:
        return body.encode() if encoding is None else b64decode(body)
    except ValueError as error:
        raise InvalidMessage("content", f"its body cannot be read: {error}") from error


def _priority(properties: Mapping[str, Any]) -> int:
    priority = properties.get("priority")
    return priority if isinstance(priority, int) else 0


def check_envelope(raw: Any) -> None:
    """What kombu makes a message of.

    Raises:
        InvalidMessage: not an envelope, or not encoded as our own programs encode it.
    """
    _require(isinstance(raw, dict), "envelope", "it is no object")
    properties, headers = raw.get("properties"), raw.get("headers")
    _require(
        isinstance(properties, dict)
        and isinstance(properties.get("delivery_tag"), str)
        and isinstance(properties.get("delivery_info"), dict),
        "envelope",
        "its properties are not those of a message",
    )
    _require(isinstance(headers, dict), "envelope", "its headers are no object")
    _require(isinstance(raw.get("body"), str), "envelope", "its body is no text")
    # A few bytes can be unpacked to a terabyte.
    _require(not headers.get("compression"), "content", "it is compressed")
    _require(
        raw.get("content-type") == "application/json" and raw.get("content-encoding") == "utf-8",
        "content",
        f"it is {raw.get('content-type')!r} in {raw.get('content-encoding')!r}",
    )


def check_content(queue: str, message: Any) -> None:
    """What the message says, by the queue that it came in.

    Raises:
        InvalidMessage: no worker could do it.
    """
    try:
        payload = message.payload  # is kept, so that it is decoded once
    except Exception as error:  # of any decoder
        raise InvalidMessage("content", f"its body cannot be read: {error}") from error
    if queue in (settings.ITEM_QUEUE, settings.CELERY_TASK_DEFAULT_QUEUE):
        _check_task(message.headers, payload)
    elif queue.endswith(".pidbox") and not queue.endswith(".reply.celery.pidbox"):
        _check_command(message.headers, payload)


def _check_task(headers: dict[str, Any], payload: Any) -> None:
    name, id_ = headers.get("task"), headers.get("id")
    _require(isinstance(name, str) and name in current_app.tasks, "task", f"no task is {name!r}")
    _require(isinstance(id_, str) and 0 < len(id_) <= _LONGEST_ID, "envelope", "its id is no id")
    _check_types(headers, _HEADERS)
    _require(
        headers.get("timelimit") in (None, [None, None])
        and not any(headers.get(each) for each in ("eta", "stamps", "stamped_headers")),
        "envelope",
        "it asks for what batchgen does not use: a time, a limit, stamps",
    )
    _require(
        isinstance(payload, list)
        and [type(part) for part in payload] == [list, dict, dict]
        and not any(payload[2].values()),
        "arguments",
        "its body is not arguments alone",
    )
    task: Any = current_app.tasks[str(name)]
    try:
        task.__header__(*payload[0], **payload[1])
    except TypeError as error:
        raise InvalidMessage("arguments", str(error)) from error


def _check_command(headers: dict[str, Any], payload: Any) -> None:
    _require(isinstance(payload, dict), "arguments", "its body is no command")
    _check_types({"method": None} | payload, _COMMAND)
    if to := payload.get("reply_to"):
        names = (to.get("exchange"), to.get("routing_key"))
        _require(all(isinstance(name, str) for name in names), "arguments", "it has no address")
    clock = headers.get("clock", 0)
    _require(isinstance(clock, int) and 0 <= clock < _LAST_CLOCK, "envelope", "its clock is wrong")


def _check_types(given: dict[str, Any], table: dict[str, tuple[type, ...]]) -> None:
    for name in given.keys() & table.keys():
        _require(isinstance(given[name], table[name]), "envelope", f"its {name} is of a wrong type")


def _json(raw: bytes) -> Any:
    try:
        return loads(bytes_to_str(raw))
    except Exception as error:  # of any decoder, and of Python where it is too deep
        raise InvalidMessage("unreadable", f"it is no JSON: {error}") from error


def _require(holds: bool, kind: str, why: str) -> None:
    if not holds:
        raise InvalidMessage(kind, why)
