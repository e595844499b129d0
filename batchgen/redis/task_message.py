"""Messages of tasks, written as Celery and kombu's Redis transport write them.

Their own way there costs more than all the rest of sending, and takes a round trip a message. A
test holds what is written here equal to what they write.
"""

import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

from celery import current_app
from celery.utils.nodenames import anon_nodename
from django.conf import settings

from batchgen.redis import client as redis

#: Kombu's name for the list of a priority: the queue's own for 0, else with this in between.
_PRIORITY_MARK = "\x06\x16"
_json = json.JSONEncoder(separators=(",", ":")).encode
#: Of chains, groups and chords, which nothing here is part of.
_ALONE = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
#: Headers that are the same in every message.
_UNUSED: dict[str, Any] = {
    "shadow": None,
    "eta": None,
    "expires": None,
    "group": None,
    "group_index": None,
    "retries": 0,
    "timelimit": (None, None),
    "parent_id": None,
    "ignore_result": True,
    "replaced_task_nesting": 0,
    "stamped_headers": None,
    "stamps": {},
}


def queue_key(queue: str, priority: int) -> str:
    """The list in Redis that holds a queue's messages of one of the `priority_steps`."""
    return redis.key(f"{queue}{_PRIORITY_MARK}{priority}" if priority else queue)


def queue_keys(queue: str) -> list[str]:
    """All of a queue's lists, in the order in which they are read."""
    steps = settings.CELERY_BROKER_TRANSPORT_OPTIONS["priority_steps"]
    return [queue_key(queue, step) for step in steps]


def task_message(
    *,
    task: str,
    id_: str,
    args: Sequence[object],
    kwargs: Mapping[str, object],
    argsrepr: str,
    kwargsrepr: str,
    queue: str,
    priority: int,
) -> str:
    """What is pushed to a queue's list for one task that keeps no result; all of it is JSON.

    Args:
        id_: the task's, which revokes it.
        argsrepr, kwargsrepr: what operators see in the place of the arguments.
    """
    shown = {"argsrepr": argsrepr, "kwargsrepr": kwargsrepr}
    return _json(
        {
            "body": b64encode(_json((args, kwargs, _ALONE)).encode()).decode(),
            "content-encoding": "utf-8",
            "content-type": "application/json",
            "headers": {
                "lang": "py",
                "task": task,
                "id": id_,
                **_UNUSED,
                "root_id": id_,
                **shown,
                "origin": anon_nodename(),
            },
            "properties": {
                "correlation_id": id_,
                "reply_to": current_app.thread_oid,
                **shown,
                "delivery_mode": 2,
                "delivery_info": {"exchange": "", "routing_key": queue},
                "priority": priority,
                "body_encoding": "base64",
                "delivery_tag": str(uuid4()),
            },
        }
    )
