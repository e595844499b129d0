"""Messages to the workers: sent by task name, and looked up in the broker.

A message is a hint. It may be lost, doubled or late; the lane's fencing_token decides.
"""

import json
import logging
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.conf import settings
from kombu.exceptions import OperationalError
from redis import RedisError

from batchgen.celery import app
from batchgen.redis import client as redis
from batchgen.redis.broker_messages import LARGEST_BYTES
from batchgen.redis.task_message import queue_key, queue_keys, task_message
from content.registry import kind_named
from runs.states import MESSAGE_PRIORITY

if TYPE_CHECKING:
    from redis.asyncio import Redis as AsyncRedis

log = logging.getLogger(__name__)

TASK_NAME = "workers.generate_item"
#: The message priority of what lets others go first.
LOWEST_PRIORITY = 9
#: How `task_message`, and Celery where it puts one back, write the id of a lane's message.
_OUR_ID = re.compile(rb'"id": ?"(\d+\.\d+)"')
#: Messages of one look into a list, some 2 kB each.
_READ_AT_ONCE = 1000
#: Messages by the key of their list in Redis, each list in the order in which it is read.
Lists = Mapping[str, Sequence[str | bytes]]
_BACKGROUND = ThreadPoolExecutor(max_workers=1, thread_name_prefix="revoke")


@dataclass(frozen=True, kw_only=True, slots=True)
class Link:
    """One link of a lane's chain: an epic for a fencing_token of the lane."""

    run_id: UUID
    #: Who started the run, and what its turns weigh; None where no person did.
    user_id: int | None
    weight: int
    context_key: str
    item_id: UUID
    lane_id: int
    fencing_token: int
    priority: str
    provider: str
    model: str
    #: Of what content, and what was chosen for it.
    kind: str
    options: dict[str, Any]
    prompt_set_id: UUID | None
    max_tokens: int
    estimated_input_tokens: int
    code: str
    title: str
    #: A slice has answered its first request.
    answered: bool = False

    @classmethod
    def of(cls, row: dict[str, Any]) -> "Link":
        """From a row of the lane queries."""
        return cls(**{name: row[name] for name in cls.__slots__})

    @property
    def first_call(self) -> dict[str, object]:
        """What has to be known of the item's first call before the item is claimed."""
        prompt_key = kind_named(self.kind).prompt_key(self.options)
        if self.prompt_set_id:
            prompt_key = f"{prompt_key}:{self.prompt_set_id}"
        return {
            "run": str(self.run_id),
            "user": self.user_id,
            "weight": self.weight,
            "priority": self.priority,
            "provider": self.provider,
            "model": self.model,
            "kind": self.kind,
            "sizeKey": prompt_key,
            "cacheKey": f"{self.context_key}:{prompt_key}",
            "inputTokens": self.estimated_input_tokens,
            "outputCap": self.max_tokens,
            "answered": self.answered,
        }

    @property
    def message(self) -> dict[str, Any]:
        """What its message says, by the names of `task_message`."""
        return {
            "id_": self.message_id,
            "args": (str(self.item_id), self.lane_id, self.fencing_token),
            "argsrepr": f"{self.code}: {self.title} | run {self.run_id}",
            "kwargsrepr": f"lane {self.lane_id}, fencing_token {self.fencing_token}",
        }

    @property
    def message_id(self) -> str:
        """New for every fencing_token, so that a revoked message never stops a later one."""
        return message_id(self.lane_id, self.fencing_token)


def message_id(lane_id: int, fencing_token: int) -> str:
    """The Celery task id of a lane's fencing_token."""
    return f"{lane_id}.{fencing_token}"


def lists_of(
    links: Iterable[Link], *, due_at: float | None = None, behind: bool = False
) -> dict[str, list[str]]:
    """Each link's message, by the list that it is to be pushed to.

    Args:
        due_at: Unix time by `database_now` before which the epic is not to start; the worker
            waits for it.
        behind: they are read when no other message waits.
    """
    lists = defaultdict(list)
    for link in links:
        priority = LOWEST_PRIORITY if behind else MESSAGE_PRIORITY[link.priority]
        lists[queue_key(settings.ITEM_QUEUE, priority)].append(
            task_message(
                task=TASK_NAME,
                kwargs={"first_call": link.first_call, "due_at": due_at},
                **link.message,
                queue=settings.ITEM_QUEUE,
                priority=priority,
            )
        )
    return dict(lists)


def again_of(message: Any, *, priority: int = LOWEST_PRIORITY) -> dict[str, list[str]]:
    """A message that is to be read once more, behind all others where no priority is given; as
    `lists_of`.

    Args:
        message: what has a task's `id`, `args`, `kwargs`, `argsrepr` and `kwargsrepr`, as
            Celery's requests have them.
    """
    again = task_message(
        task=TASK_NAME,
        id_=message.id,
        args=message.args,
        kwargs=message.kwargs,
        argsrepr=message.argsrepr,
        kwargsrepr=message.kwargsrepr,
        queue=settings.ITEM_QUEUE,
        priority=priority,
    )
    return {queue_key(settings.ITEM_QUEUE, priority): [again]}


def send(links: Iterable[Link], *, due_at: float | None = None, behind: bool = False) -> None:
    """Send the links' messages, all in one round trip. Where the broker is away, the reconciler
    sends them later. For the arguments see `lists_of`."""
    _push(lists_of(links, due_at=due_at, behind=behind))


def _push(lists: Lists) -> None:
    if not lists:
        return
    pushes = _pushes(redis.client(), lists)
    try:
        pushes.execute()
    except (RedisError, OSError) as error:
        _not_sent(lists, error)


async def push_async(client: "AsyncRedis", lists: Lists) -> None:
    """Send what `lists_of` or `again_of` made; as `send`."""
    if not lists:
        return
    pushes = _pushes(client, lists)
    try:
        await pushes.execute()
    except (RedisError, OSError) as error:
        _not_sent(lists, error)


def _pushes(client: Any, lists: Lists) -> Any:
    pipeline = client.pipeline(transaction=False)
    for name, messages in lists.items():
        pipeline.lpush(name, *messages)
    return pipeline


def _not_sent(lists: Lists, error: Exception) -> None:
    log.warning(
        "not sent, the reconciler will: %s messages (%s)", sum(map(len, lists.values())), error
    )


def revoke(rows: Iterable[dict[str, Any]]) -> None:
    """Ask the workers to drop lanes' messages: only to spare them; the lanes refuse them anyway.

    In the background: a broker that hangs must not hold up the answer to a pause.

    Args:
        rows: `{lane_id, fencing_token}` of each message.
    """
    ids = [message_id(row["lane_id"], row["fencing_token"]) for row in rows]
    if ids:
        _BACKGROUND.submit(_revoke, ids)


def _revoke(ids: list[str]) -> None:
    try:
        app.control.revoke(ids)
    except (OperationalError, RedisError, OSError) as error:
        log.warning("not revoked, the lanes will refuse them: %s", error)


def queue_depths() -> dict[str, int]:
    """How many messages wait in the broker, by priority; "BEHIND" are those that
    were sent again behind the others.

    Raises:
        redis.RedisError: Redis is away.
    """
    pipeline = redis.client().pipeline(transaction=False)
    steps = {**MESSAGE_PRIORITY, "BEHIND": LOWEST_PRIORITY}
    for step in steps.values():
        pipeline.llen(queue_key(settings.ITEM_QUEUE, step))
    return dict(zip(steps, pipeline.execute(), strict=True))


def messages_waiting() -> frozenset[str]:
    """Ids of the messages in the broker now, at most a few a lane.

    Raises:
        redis.RedisError: Redis is away.
    """
    names = queue_keys(settings.ITEM_QUEUE)
    return frozenset(id_ for name in names for raw in _read(name) if (id_ := _id(raw)))


def _read(name: str) -> Iterator[bytes]:
    """A list's messages, from its younger end: what is pushed or taken meanwhile hides none."""
    client: Any = redis.client()
    for start in count(0, _READ_AT_ONCE):
        found = client.lrange(name, start, start + _READ_AT_ONCE - 1)
        yield from found
        if len(found) < _READ_AT_ONCE:
            return


def _id(raw: bytes) -> str | None:
    """The message's id; None for what is none of ours, which the worker that takes it drops."""
    if len(raw) > LARGEST_BYTES:
        return None
    # Thousands may wait. What is read wrongly is a message that is sent twice, or later.
    if found := _OUR_ID.search(raw):
        return found[1].decode()
    try:
        return str(json.loads(raw)["headers"]["id"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
