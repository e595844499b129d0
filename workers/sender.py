"""Messages of lanes that move on: those of one round of the loop go out together."""

import asyncio
import logging
from collections import defaultdict, deque
from collections.abc import Coroutine, Mapping, Sequence

import redis.asyncio
from redis import RedisError

from runs.engine.dispatch import Link, again_of, lists_of, push_async
from workers.celery_face import ItemRequest

log = logging.getLogger(__name__)

#: Messages of one user that are remembered behind others; older ones are read in their order.
_MOST_BEHIND = 100


class Sender:
    """Sends for all lanes of one loop. Where Redis is away, the reconciler sends later."""

    def __init__(self, client: "redis.asyncio.Redis") -> None:
        self._client = client
        self._lists: dict[str, list[str | bytes]] = defaultdict(list)
        self._tasks: set[asyncio.Task[None]] = set()
        #: {user: what was put behind others, and as which text in which list}.
        self._behind: dict[str, deque[tuple[ItemRequest, str, str]]] = {}

    def send(self, link: Link, *, due_at: float | None = None) -> None:
        """Send a link's message; see `dispatch.lists_of`."""
        self.push(lists_of([link], due_at=due_at))

    def push(self, lists: Mapping[str, Sequence[str | bytes]]) -> None:
        """Put messages behind the others of their lists."""
        if not self._lists:
            self._begin(self._flush())
        for name, messages in lists.items():
            self._lists[name].extend(messages)

    def put_behind(self, request: ItemRequest, *, user: str) -> None:
        """Have a message read once more, when no other waits."""
        lists = again_of(request)
        self.push(lists)
        mine = self._behind.setdefault(user, deque(maxlen=_MOST_BEHIND))
        mine.extend((request, name, text) for name, texts in lists.items() for text in texts)

    def bring_forward(self, user: str, most: int) -> None:
        """Have the oldest of a user's messages that were put behind others read as if they came
        now, where nobody has read them yet.

        In a list of thousands of another user's, they would be read when all of those are done.
        """
        if user in self._behind:
            self._begin(self._bring_forward(user, most))

    async def flushed(self) -> None:
        """Wait until all is sent that is to be."""
        await asyncio.gather(*self._tasks)

    def _begin(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _flush(self) -> None:
        lists, self._lists = self._lists, defaultdict(list)
        await push_async(self._client, lists)

    async def _bring_forward(self, user: str, most: int) -> None:
        mine = self._behind.get(user)
        while mine and most:
            request, name, text = mine.popleft()
            try:
                waited = await self._client.lrem(name, 1, text)
            except (RedisError, OSError) as error:
                log.warning("a message stays behind others: %s", error)
                return
            if waited:
                most -= 1
                self.push(again_of(request, priority=request.message.priority))
        if mine is not None and not mine and self._behind.get(user) is mine:
            del self._behind[user]
