"""How long a run takes, played through a few times: lanes, limits, pacing, and calls that take as
long as earlier ones; and which of these binds it. Pure."""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from math import ceil, erf, exp, inf, log, sqrt
from random import Random
from statistics import fmean, pstdev

from runs.quotes.calls import Calls
from runs.quotes.past_batches import NO_BATCHES, PRIMED_FROM, PastBatches
from runs.quotes.rendering import FutureItem

#: Items of one play; more are played by a part of them, with as large a part of lanes and limits.
_MOST_PLAYED = 2_000
#: Items of all plays together, and their number.
_ITEMS_PLAYED, _MOST_PLAYS, _FEWEST_PLAYS = 40_000, 100, 15
#: The first call with a beginning that is not cached goes alone: the others wait for it, so long.
_WARMING_S = 3.0
#: Seconds from a run's last item's end to its own.
_AROUND_S = 0.05
#: Of a batch: half of them end in so many seconds, nine in ten in so many. Others saw this.
BATCH_P50_S, BATCH_P90_S = 7 * 60.0, 60 * 60.0
_BATCH_MOST_S = 24 * 3600.0
#: The p90 of a deviation that is normal.
_P90 = 1.2816


class Binding(StrEnum):
    """What a run's time depends on most."""

    LANES = "lanes"
    PACING = "pacing"
    WORKERS = "workers"
    CONCURRENCY = "concurrency"
    REQUESTS = "requests"
    INPUT_TOKENS = "inputTokens"
    OUTPUT_TOKENS = "outputTokens"
    BATCHES = "batches"


@dataclass(frozen=True, kw_only=True, slots=True)
class Pace:
    """What paces a run; 0 where there is no limit.

    Attributes:
        lanes: as it is started; 0 where the engine finds their number.
        delay_s: of a lane, between two items.
        offered: lanes that all workers have; 0 where no worker lives.
        slots: calls at the same time.
        requests, input_tokens, output_tokens: a minute.
        burst_s: so many seconds of them may be used at once.
    """

    lanes: int
    delay_s: float = 0.0
    offered: int = 0
    slots: int = 0
    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    burst_s: float = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Duration:
    """Milliseconds, and what they depend on most; None where there is nothing to do."""

    p50: int
    p90: int
    binding: Binding | None


@dataclass(frozen=True, kw_only=True, slots=True)
class _Load:
    """An item, as it is played: the times of its calls' like, and what it takes of each limit."""

    seconds: tuple[Sequence[float], ...]
    amounts: tuple[float, float, float]


@dataclass(frozen=True, kw_only=True)
class Play:
    """A run that is to be played.

    Attributes:
        count: its items.
        late_by: nine in ten runs took at most so many times their p50; 0 where too few are known.
    """

    calls: Calls
    pace: Pace
    count: int
    late_by: float = 0.0
    batches: PastBatches = NO_BATCHES
    seed: int = 1

    def realtime(self) -> Duration:
        """Lane by lane, within the limits."""
        if not self._loads:
            return Duration(p50=0, p90=0, binding=None)
        played = min(self.count, _MOST_PLAYED)
        plays = max(_FEWEST_PLAYS, min(_MOST_PLAYS, _ITEMS_PLAYED // played))
        random = Random(self.seed)  # noqa: S311  # the same quote for the same question
        seconds = sorted(self._played_s(random, played) for _ in range(plays))
        p50_s = _part(seconds, 0.5)
        p90_s = max(_part(seconds, 0.9), p50_s * self.late_by)
        return _duration(p50_s, p90_s, self.binding)

    def batch(self) -> Duration:
        """One call before all others, a batch that writes the cache where that pays, and one of all
        others; then in realtime what items ask further, and again."""
        if not self._loads:
            return Duration(p50=0, p90=0, binding=None)
        random = Random(self.seed)  # noqa: S311  # as above
        rounds = 2 if self.calls.leads >= PRIMED_FROM else 1
        seconds = sorted(
            self._realtime_s + sum(self._batch_s(random) for _ in range(rounds))
            for _ in range(_MOST_PLAYS)
        )
        return _duration(_part(seconds, 0.5), _part(seconds, 0.9), Binding.BATCHES)

    def _batch_s(self, random: Random) -> float:
        middle, spread = self._batch_times
        return min(exp(random.gauss(middle, spread)), _BATCH_MOST_S)

    @cached_property
    def _batch_times(self) -> tuple[float, float]:
        """Of a batch's seconds, their logarithms' middle and deviation. A few batches look more
        alike than they are: that of others counts as if one more had been seen."""
        spread = log(BATCH_P90_S / BATCH_P50_S) / _P90
        known = [log(max(seconds, 0.1)) for seconds in self.batches.known_seconds]
        if not known:
            return log(BATCH_P50_S), spread
        seen = len(known) * pstdev(known) ** 2 + spread**2
        return fmean(known), sqrt(seen / (len(known) + 1))

    @property
    def call_s(self) -> float:
        """Of a first call; 0 where none is made."""
        return fmean(self._loads[0].seconds[0]) if self._loads else 0.0

    @property
    def _realtime_s(self) -> float:
        """What is asked beside batches: a call before, and lane by lane what comes behind."""
        one = self.call_s
        alone = one if self.batches.goes_ahead(self.calls.leads) else 0.0
        again = self.calls.past.times.again_seconds
        behind = (self.calls.count - self.calls.leads) * one
        asked_again = self.calls.again * (fmean(again) if again else one)
        return alone + (behind + asked_again) / max(self.lanes, 1)

    @cached_property
    def _loads(self) -> list[_Load]:
        return [load for item in self.calls.items if (load := self._load(item)).seconds]

    def _load(self, item: FutureItem) -> _Load:
        past = self.calls.past
        again = 1 + past.again_rate
        seconds, own, output = [], 0.0, 0.0
        for call in item.calls:
            tokens = self.calls.tokens_of(call)
            seconds.append(past.times.seconds(alike=call.alike, output_tokens=tokens.output))
            own += tokens.own if past.caches else tokens.own + tokens.prefix
            output += tokens.output
        return _Load(
            seconds=tuple(seconds),
            amounts=(
                len(seconds) * again,
                own * (1 + past.again_rate * past.again_input),
                output * (1 + past.again_rate * past.again_output),
            ),
        )

    @cached_property
    def _item_s(self) -> float:
        """Of an item, in the mean."""
        calls = fmean(sum(map(fmean, load.seconds)) for load in self._loads)
        past = self.calls.past
        again = past.times.again_seconds
        asked_again = past.again_rate * fmean(again) if again else 0.0
        return calls + asked_again + past.times.beside_s + past.times.between_s

    @cached_property
    def _rates(self) -> tuple[float, float, float]:
        """A second, of requests, input and output tokens; without end where there is no limit."""
        pace = self.pace
        limits = (pace.requests, pace.input_tokens, pace.output_tokens)
        return tuple(limit / 60 if limit else inf for limit in limits)  # type: ignore[return-value]  # three of three

    @cached_property
    def lanes(self) -> int:
        """Items at the same time, at most."""
        pace = self.pace
        wanted = min(pace.lanes or self.count, self.count)
        return max(1, min(n for n in (wanted, pace.offered, pace.slots) if n))

    @cached_property
    def binding(self) -> Binding:
        """What the time depends on most."""
        turns = self.count / self.lanes
        in_lanes = turns * self._item_s + max(turns - 1, 0) * self.pace.delay_s
        amounts = [
            self.count * fmean(load.amounts[place] for load in self._loads) for place in range(3)
        ]
        limited = zip(
            (Binding.REQUESTS, Binding.INPUT_TOKENS, Binding.OUTPUT_TOKENS),
            amounts,
            self._rates,
            strict=True,
        )
        times: dict[Binding, float] = {name: amount / rate for name, amount, rate in limited}
        times[self._of_lanes()] = in_lanes
        return max(times, key=lambda name: times[name])

    def _of_lanes(self) -> Binding:
        pace = self.pace
        if pace.delay_s > self._item_s and self.count > self.lanes:
            return Binding.PACING
        wanted = min(pace.lanes or self.count, self.count)
        if self.lanes < wanted:
            return Binding.WORKERS if self.lanes == pace.offered else Binding.CONCURRENCY
        return Binding.LANES

    def _played_s(self, random: Random, played: int) -> float:
        """One play."""
        past = self.calls.past
        shrunk = played / self.count
        rates = [rate * shrunk for rate in self._rates]
        bursts = [self.pace.burst_s * rate if rate < inf else 0.0 for rate in rates]
        lanes = [0.0] * max(1, ceil(self.lanes * shrunk))
        times = past.times
        pace_of_run = exp(random.gauss(0, times.differ))
        again = times.again_seconds
        taken = [0.0, 0.0, 0.0]
        end = warm = 0.0
        loads = random.sample(self._loads, len(self._loads))
        for place in range(played):
            load = loads[place % len(loads)]
            begin = max(heapq.heappop(lanes), warm if place else 0.0)
            for at, rate in enumerate(rates):
                if rate < inf:
                    taken[at] += load.amounts[at]
                    begin = max(begin, (taken[at] - bursts[at]) / rate)
            busy = sum(seen[random.randrange(len(seen))] for seen in load.seconds)
            if again and random.random() < past.again_rate * len(load.seconds):
                busy += again[random.randrange(len(again))]
            done = begin + busy * pace_of_run + times.beside_s
            if not place and self.calls.prefixes:
                warm = min(done, _WARMING_S)
            end = max(end, done)
            heapq.heappush(lanes, done + times.between_s + self.pace.delay_s)
        return end + _AROUND_S


def _part(ordered: Sequence[float], part: float) -> float:
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


def _duration(p50_s: float, p90_s: float, binding: Binding) -> Duration:
    return Duration(p50=round(p50_s * 1000), p90=round(max(p50_s, p90_s) * 1000), binding=binding)


def fitting_part(p50_s: float, p90_s: float, within_s: float) -> float:
    """The part of batches, which end in such times, that end within so long."""
    if p50_s <= 0:
        return 1.0
    if within_s <= 0:
        return 0.0
    spread = max(log(max(p90_s, p50_s * 1.01) / p50_s) / _P90, 0.01)
    place = log(within_s / p50_s) / spread
    return 0.5 * (1 + erf(place / sqrt(2)))
