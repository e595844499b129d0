"""A run watched from outside, twenty times a second."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from django.conf import settings
from django.db import connection

from batchgen.redis import client as redis
from batchgen.redis.task_message import queue_keys
from benchmarks import runs
from benchmarks.counters import redis_used_bytes, statements
from benchmarks.processes import Tree
from runs.models import Run

_TICK_S = 0.05
_TICKS_A_SAMPLE = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """How things stood at one moment."""

    done: int
    #: Memory by process, in bytes.
    private: Mapping[str, int]
    redis_used_bytes: int
    #: Statements since the servers' start, and the milliseconds that they took.
    statements: float
    exec_ms: float


class Sampler:
    """Watches until the end of the block; then `samples` and `most_messages` are complete."""

    def __init__(self, run: Run, trees: Mapping[str, Tree]) -> None:
        self.samples: list[Sample] = []
        #: Most messages in the broker at once.
        self.most_messages = 0
        self._run = run
        self._trees = trees
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="sampler", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join(timeout=10)
        self.samples.append(self._sample())

    def at(self, done: float) -> Sample:
        """The first sample with at least so many epics done."""
        return next((each for each in self.samples if each.done >= done), self.samples[-1])

    def _watch(self) -> None:
        tick = 0
        try:
            while not self._stop.wait(_TICK_S):
                self._count_messages()
                if tick % _TICKS_A_SAMPLE == 0:
                    self.samples.append(self._sample())
                tick += 1
        finally:
            connection.close()

    def _count_messages(self) -> None:
        with redis.client().pipeline(transaction=True) as pipeline:
            for name in queue_keys(settings.ITEM_QUEUE):
                pipeline.llen(name)
            self.most_messages = max(self.most_messages, sum(pipeline.execute()))

    def _sample(self) -> Sample:
        calls, exec_ms = statements()
        return Sample(
            done=runs.done(self._run),
            private={name: tree.private_bytes() for name, tree in self._trees.items()},
            redis_used_bytes=redis_used_bytes(),
            statements=calls,
            exec_ms=exec_ms,
        )
