"""What four hosts do that one cannot, and how exactly their common limit is used."""

import time
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.acceptance.faults.drive import Load, scene_make
from tests.acceptance.faults.scene import Scene
from tests.acceptance.hosts.world import REQUESTS_PER_MINUTE, World

#: Slots of a worker; a call takes so long that they bind, and not the machine's cores.
_SLOTS, _SLOW_MS, _QUICK_MS = 20, 2000, 400
#: A run is left alone so long before it is looked at, and then looked at so long.
_WARM_S, _LOOK_S = 6.0, 20.0
_LIMIT = "BATCHGEN_LIMIT_REQUESTS_PER_MINUTE"


@dataclass(frozen=True, kw_only=True)
class Rate:
    """Calls that began a second, and how much of the machine's time was left meanwhile."""

    per_s: float
    idle: float


def measure(world: World, console: Console) -> None:
    """Print the table."""
    limit = REQUESTS_PER_MINUTE / 60
    world.environment[_LIMIT] = "0"
    one = _rate(world, workers=1, latency_ms=_SLOW_MS, most_per_s=_SLOTS)
    four = _rate(world, workers=4, latency_ms=_SLOW_MS, most_per_s=4 * _SLOTS)
    world.environment[_LIMIT] = str(REQUESTS_PER_MINUTE)
    held = _rate(world, workers=4, latency_ms=_QUICK_MS, most_per_s=limit)
    table = Table(title=f"{_SLOTS} slots a worker")
    for name in ("what", "calls/s", "idle cores", "by comparison"):
        table.add_column(name, justify="left" if name == "what" else "right")
    times, used = four.per_s / one.per_s, held.per_s / limit
    table.add_row("one worker host, calls of 2 s", *_told(one), "1")
    table.add_row("four worker hosts, calls of 2 s", *_told(four), f"{times:.2f} times")
    table.add_row(f"four, {limit:g} calls/s allowed", *_told(held), f"{used:.1%} of the limit")
    console.print(table)


def _told(rate: Rate) -> tuple[str, str]:
    return f"{rate.per_s:.1f}", f"{rate.idle:.0%}"


def _rate(world: World, *, workers: int, latency_ms: float, most_per_s: float) -> Rate:
    epics = round(most_per_s * (_WARM_S + _LOOK_S) * 1.3)
    load = Load(epics=epics, lanes=workers * _SLOTS, latency_ms=latency_ms, workers=workers)
    scene = scene_make(world, load, seed=1)
    time.sleep(_WARM_S)
    rate = _look(scene)
    world.clear()
    return rate


def _look(scene: Scene) -> Rate:
    begun, before = time.monotonic(), _idle_ticks()
    time.sleep(_LOOK_S)
    ended, after = time.monotonic(), _idle_ticks()
    starts = [call["start_monotonic"] for call in scene.bed.provider.calls()]
    calls = sum(begun <= at < ended for at in starts)
    assert scene.is_runnable(), "the run ended before the time was over"
    idle = (after[0] - before[0]) / max(1, after[1] - before[1])
    return Rate(per_s=calls / (ended - begun), idle=idle)


def _idle_ticks() -> tuple[int, int]:
    """Of all cores since the machine's start: idle ones, and all."""
    ticks = [int(word) for word in Path("/proc/stat").read_text().splitlines()[0].split()[1:]]
    return ticks[3] + ticks[4], sum(ticks[:8])
