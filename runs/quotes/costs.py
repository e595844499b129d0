"""What a run's calls cost: low, expected and high, in realtime and in batches. Pure."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from math import sqrt

from providers.prices import cost_micro_usd
from providers.values import CacheFor, Usage
from runs.quotes.past import COLD_HIGH, COLD_LOW, COLD_PART, Past
from runs.quotes.past_batches import NO_BATCHES, PastBatches
from runs.quotes.rendering import FutureCall, FutureItem

#: How many of its usual deviations a bill may be off: 19 of 20 are within two.
_DEVIATIONS = 2.0
_ALWAYS = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Range:
    """Micro-dollars."""

    low: int
    expected: int
    high: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Tokens:
    """What a call takes: of its beginning, which may be cached, of the rest, and of its answer."""

    prefix: float
    own: float
    output: float


@dataclass(frozen=True, kw_only=True)
class Calls:
    """The calls of a run, as far as they are foreseen.

    Attributes:
        at: the day whose prices count.
        off_by: how far earlier bills were off their quotes as a rule, as a part; 0 where too few
            are known.
    """

    items: Sequence[FutureItem]
    past: Past
    model: str
    at: date
    off_by: float = 0.0
    batches: PastBatches = NO_BATCHES

    @cached_property
    def first(self) -> list[tuple[float, FutureCall, Tokens, float]]:
        """(how many it stands for, the call, what it takes, how far its answer is off)."""
        return [(item.weight, call, *self._of(call)) for item in self.items for call in item.calls]

    def tokens_of(self, call: FutureCall) -> Tokens:
        """What a call takes, expected."""
        return self._of(call)[0]

    def _of(self, call: FutureCall) -> tuple[Tokens, float]:
        past = self.past
        prefix, own = (size * past.tokens_per_byte for size in (call.prefix_bytes, call.own_bytes))
        # As the calls before it were counted: all of a prompt that is not cached.
        seen = own if past.caches else prefix + own
        answer = past.answer(
            alike=call.alike, purpose=call.purpose, own_tokens=seen, cap=call.max_tokens
        )
        tokens = Tokens(prefix=prefix, own=own, output=answer.tokens)
        return tokens, answer.spread

    @cached_property
    def count(self) -> float:
        """First calls."""
        return sum(weight for weight, *_ in self.first)

    @cached_property
    def prefixes(self) -> int:
        """Beginnings that are written to the cache once each."""
        if not self.past.caches:
            return 0
        return len({call.prefix for _, call, _, _ in self.first if call.prefix})

    @property
    def again(self) -> float:
        """Calls that ask again, expected."""
        return self.count * self.past.again_rate

    @cached_property
    def input_tokens(self) -> float:
        """Of all prompts, expected; whatever of them is cached."""
        first = self._sum(lambda tokens: tokens.prefix + tokens.own)
        return first * (1 + self.past.again_rate * self.past.again_input)

    @cached_property
    def limited_input_tokens(self) -> float:
        """Those that count against a limit: not what is read from the cache."""
        written = sum({c.prefix: t.prefix for _, c, t, _ in self.first if c.prefix}.values())
        behind = written if self.past.caches else self._sum(lambda tokens: tokens.prefix)
        own = self._sum(lambda tokens: tokens.own)
        return behind + own * (1 + self.past.again_rate * self.past.again_input)

    @cached_property
    def output_tokens(self) -> float:
        """Of all answers, expected."""
        first = self._sum(lambda tokens: tokens.output)
        return first * (1 + self.past.again_rate * self.past.again_output)

    def _sum(self, part: Callable[[Tokens], float]) -> float:
        return sum(weight * part(tokens) for weight, _, tokens, _ in self.first)

    def realtime(self) -> Range | None:
        """One call after the other; None where the model has no price."""
        if not self.first:
            return Range(low=0, expected=0, high=0)
        firsts = self._firsts(batch=False)
        if firsts is None:
            return None
        read, write = firsts
        hits = _ALWAYS - self.past.miss_rate
        again = self._again()
        written = self._written(batch=False)
        expected = read * hits + write * (1 - hits) + written + again
        # Where the provider forgets the beginning as often as not.
        forgotten = (write - read) * 0.1
        return self._range(expected, less=written, more=forgotten, part=1.0)

    def batch(self) -> Range | None:
        """At the price of batches; what is asked again, and one call before, at the full one."""
        if not self.first:
            return Range(low=0, expected=0, high=0)
        firsts = self._firsts(batch=True)
        if firsts is None:
            return None
        read, write = firsts
        worst, usual, best = self.batches.hits if self.past.caches else (_ALWAYS,) * 3
        # One is asked in realtime, before all others.
        (full, _) = self._firsts(batch=False) or (read, write)
        before = (full - read) / max(self.count, 1)
        again = self._again()
        written = self._written(batch=True)
        expected = read * usual + write * (1 - usual) + written + before + again
        less, more = (write - read) * (best - usual), (write - read) * (usual - worst)
        part = expected / max(full, 1)
        return self._range(expected, less=less, more=more, part=min(part, 1.0))

    def _range(self, expected: float, *, less: float, more: float, part: float) -> Range:
        """Around what is expected.

        Args:
            less, more: how far the cache may change it.
            part: of the full price of answers.
        """
        if not self.past.calls:
            answers = self._answers() * part
            return Range(
                low=round(max(expected - less - answers * (1 - COLD_LOW / COLD_PART), 0)),
                expected=round(expected),
                high=round(expected + more + answers * (COLD_HIGH / COLD_PART - 1)),
            )
        off = _DEVIATIONS * self._deviation() * part
        if not self.past.calibrated:
            off *= 2
        off = max(off, _DEVIATIONS * self.off_by * expected)
        return Range(
            low=round(max(expected - less - off, 0)),
            expected=round(expected),
            high=round(expected + more + off),
        )

    def _deviation(self) -> float:
        """How far a bill is off as a rule: single answers, all answers of a run, and repairs."""
        a_token = self._a_token()
        each = sum(weight * spread**2 for weight, _, _, spread in self.first) * a_token**2
        whole = (self._answers() * self.past.runs_differ) ** 2
        rate, differs = self.past.again_rate, self.past.again_rate_differs
        one_again = self._again() / max(self.again, 1e-9)
        again = one_again**2 * (self.count * rate + (self.count * differs) ** 2)
        few = 1 + 1 / max(self.past.runs, 1)
        return sqrt((each + whole + again) * few)

    def _answers(self) -> float:
        """What the first answers cost."""
        return self._sum(lambda tokens: tokens.output) * self._a_token()

    def _a_token(self) -> float:
        """Of an answer."""
        most = 1_000_000
        return (self._cost(Usage(output_tokens=most), batch=False) or 0) / most

    def _again(self) -> float:
        """What is asked again, in realtime: with a longer prompt, whose beginning is cached."""
        past = self.past
        total = 0.0
        for weight, _, tokens, _ in self.first:
            prompt = (tokens.prefix + tokens.own) * past.again_input
            read = tokens.prefix if past.caches else 0.0
            usage = Usage(
                input_tokens=round(max(prompt - read, 0)),
                cache_read_tokens=round(read),
                output_tokens=round(tokens.output * past.again_output),
            )
            total += weight * (self._cost(usage, batch=False) or 0)
        return total * past.again_rate

    def _firsts(self, *, batch: bool) -> tuple[float, float] | None:
        """All first calls, where each reads its beginning from the cache, and where each writes it;
        without one and the other where nothing is cached."""
        read = write = 0.0
        for weight, call, tokens, _ in self.first:
            costs = [
                self._cost(
                    _usage(
                        call, tokens, hit=hit, caches=self.past.caches, hour=batch or _hour(call)
                    ),
                    batch=batch,
                )
                for hit in (True, False)
            ]
            if costs[0] is None or costs[1] is None:
                return None
            read, write = read + weight * costs[0], write + weight * costs[1]
        return read, write

    def _written(self, *, batch: bool) -> float:
        """What the first write of each beginning costs beyond reading it."""
        if not self.past.caches:
            return 0.0
        total = 0.0
        seen: set[str] = set()
        for _, call, tokens, _ in self.first:
            if not call.prefix or call.prefix in seen:
                continue
            seen.add(call.prefix)
            count = round(tokens.prefix)
            write = _write(count, hour=batch or _hour(call))
            read = Usage(cache_read_tokens=count)
            total += (self._cost(write, batch=batch) or 0) - (self._cost(read, batch=batch) or 0)
        return total

    def _cost(self, usage: Usage, *, batch: bool) -> int | None:
        return cost_micro_usd(self.model, usage, self.at, batch=batch)


def _hour(call: FutureCall) -> bool:
    return call.cache_for is CacheFor.ONE_HOUR


def _write(tokens: int, *, hour: bool) -> Usage:
    if hour:
        return Usage(cache_write_1h_tokens=tokens)
    return Usage(cache_write_5m_tokens=tokens)


def _usage(call: FutureCall, tokens: Tokens, *, hit: bool, caches: bool, hour: bool) -> Usage:
    prefix, own, output = round(tokens.prefix), round(tokens.own), round(tokens.output)
    if not caches or not call.prefix:
        return Usage(input_tokens=prefix + own, output_tokens=output)
    if hit:
        return Usage(cache_read_tokens=prefix, input_tokens=own, output_tokens=output)
    return replace(_write(prefix, hour=hour), input_tokens=own, output_tokens=output)


def mixed(parts: Iterable[tuple[float, Range]]) -> Range:
    """Of several ways, each with its part: expected as they come, from the least to the most."""
    given = list(parts)
    return Range(
        low=min(each.low for _, each in given),
        expected=round(sum(part * each.expected for part, each in given)),
        high=max(each.high for _, each in given),
    )
