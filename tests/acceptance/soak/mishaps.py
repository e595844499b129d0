"""What goes wrong now and then: a worker, Redis, a web process, the provider, the receiver."""

import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from batchgen.redis import client as redis
from tests.acceptance.faults.bed import WorkerProcess
from tests.acceptance.faults.kinds import rule
from tests.acceptance.faults.scene import Scene
from tests.acceptance.soak.hooks import Hooks
from tests.acceptance.soak.place import LASTING, Place, end_gently

_LASTS_S = (5.0, 20.0)
#: What the provider always does to a few of its answers.
_USUAL = (
    rule({"type": "weak_stories"}, 0.03),
    rule({"type": "error", "status": 529}, 0.01),
    {
        "match": {"endpoint": "batches.line", "probability": 0.02},
        "times": None,
        "action": {"type": "error", "status": 529},
    },
)
_BURST = (
    rule({"type": "error", "status": 429, "retry_after_s": 2}, 0.3),
    rule({"type": "error", "status": 529}, 0.3),
)


@dataclass(kw_only=True)
class Mishaps:
    """Each kind in turn, in an order that is drawn anew each time."""

    place: Place
    scene: Scene
    hooks: Hooks
    random: Random
    #: Seconds between two, at least and at most.
    gap_s: tuple[float, float]
    times: Counter[str] = field(default_factory=Counter)
    _pack: list[str] = field(default_factory=list)
    _lift: Callable[[], None] | None = None

    def __post_init__(self) -> None:
        """The first comes after a gap."""
        self._kinds: dict[str, Callable[[], None]] = {
            "worker killed (-9)": self._kill_worker,
            "worker stopped (SIGTERM)": self._stop_worker,
            "Redis emptied": self._empty_redis,
            "Redis restarted": lambda: end_gently(self.place.redis),
            "Redis killed (-9)": self._kill_redis,
            "web process restarted": lambda: end_gently(self.place.webs[-1]),
            "429 and 529 from the provider": self._burst,
            "receiver of webhooks away": self._away,
        }
        self.usual()
        self._next = time.monotonic() + self._gap()

    def usual(self) -> None:
        """The provider as it always is."""
        self.place.provider.faults(list(_USUAL))

    def look(self) -> None:
        """Have the next one happen, where it is time; those that last are lifted."""
        if time.monotonic() < self._next:
            return
        if self._lift is not None:
            self.lift()
            self._next = time.monotonic() + self._gap()
            return
        if not self._pack:
            self._pack = self.random.sample(list(self._kinds), len(self._kinds))
        kind = self._pack.pop()
        self.place.sink("soak", f"{time.strftime('%H:%M:%S')} {kind}")
        self._kinds[kind]()
        self.times[kind] += 1
        held_s = self.random.uniform(*_LASTS_S) if self._lift else self._gap()
        self._next = time.monotonic() + held_s

    def lift(self) -> None:
        """What lasts is over."""
        if self._lift is not None:
            self._lift()
        self._lift = None

    def _gap(self) -> float:
        return self.random.uniform(*self.gap_s)

    def _worker(self) -> WorkerProcess:
        return next(w for name, w in self.place.workers.items() if name != LASTING)

    def _kill_worker(self) -> None:
        worker = self._worker()
        self.scene.kill(worker)
        self.scene.restart(worker, same_name=self.random.random() < 0.5)

    def _stop_worker(self) -> None:
        worker = self._worker()
        self.place.start_worker()
        worker.process.end(signal.SIGTERM)
        del self.place.workers[worker.name]

    def _empty_redis(self) -> None:
        redis.client().flushall()

    def _kill_redis(self) -> None:
        self.place.redis.end(signal.SIGKILL)
        self.place.redis.start_again()

    def _burst(self) -> None:
        self.place.provider.faults(list(_BURST))
        self._lift = self.usual

    def _away(self) -> None:
        self.hooks.away = True
        self._lift = self._back

    def _back(self) -> None:
        self.hooks.away = False
