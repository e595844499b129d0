"""Messages of lanes that move on: those of one round of the loop go out together."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence

import redis.asyncio

from runs.engine.dispatch import Link, lists_of, push_async


class Sender:
    """Sends for all lanes of one loop. Where Redis is away, the reconciler sends later."""

    def __init__(self, client: "redis.asyncio.Redis") -> None:
        self._client = client
        self._lists: dict[str, list[str | bytes]] = defaultdict(list)
        self._tasks: set[asyncio.Task[None]] = set()

    def send(self, link: Link, *, due_at: float | None = None) -> None:
        """Send a link's message; see `dispatch.lists_of`."""
        self.push(lists_of([link], due_at=due_at))

    def push(self, lists: Mapping[str, Sequence[str | bytes]]) -> None:
        """Put messages behind the others of their lists."""
        if not self._lists:
            task = asyncio.get_running_loop().create_task(self._flush())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        for name, messages in lists.items():
            self._lists[name].extend(messages)

    async def flushed(self) -> None:
        """Wait until all is sent that is to be."""
        await asyncio.gather(*self._tasks)

    async def _flush(self) -> None:
        lists, self._lists = self._lists, defaultdict(list)
        await push_async(self._client, lists)
