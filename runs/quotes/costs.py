"""What a run's calls cost: low, expected and high, in realtime and in batches. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from math import sqrt

from providers.prices import cost_micro_usd
from providers.values import CacheFor, Usage
from runs.quotes.calls import Asked, Calls, Tokens
from runs.quotes.past import COLD_HIGH, COLD_LOW, COLD_PART, Past
from runs.quotes.past_batches import NO_BATCHES, PRIMED_FROM, PastBatches
from runs.quotes.rendering import FutureCall

#: How many of its usual deviations a bill may be off: 19 of 20 are within two.
_DEVIATIONS = 2.0
_ALWAYS = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Range:
    """Micro-dollars."""

    low: int
    expected: int
    high: int


_NOTHING = Range(low=0, expected=0, high=0)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Firsts:
    """Some first calls, where each reads its beginning from the cache, and where each writes it;
    without one and the other where nothing is cached."""

    read: float
    write: float

    def expected(self, hits: float) -> float:
        return self.read * hits + self.write * (1 - hits)

    @property
    def extra(self) -> float:
        """Of writing."""
        return self.write - self.read


@dataclass(frozen=True, kw_only=True)
class Costs:
    """What calls of a model cost.

    Attributes:
        at: the day whose prices count.
        off_by: how far earlier bills were off their quotes as a rule, as a part; 0 where too few
            are known.
    """

    calls: Calls
    model: str
    at: date
    off_by: float = 0.0
    batches: PastBatches = NO_BATCHES

    @property
    def past(self) -> Past:
        return self.calls.past

    def realtime(self) -> Range | None:
        """One call after the other; None where the model has no price."""
        if not self.calls.first:
            return _NOTHING
        firsts = self._firsts(self.calls.first, batch=False)
        if firsts is None:
            return None
        written = self._written(batch=False)
        expected = firsts.expected(self._hits) + written + self._again()
        # Where the provider forgets the beginning once in ten calls.
        return self._range(expected, less=written, more=firsts.extra * 0.1, part=1.0)

    def batch(self) -> Range | None:
        """Each item's first call at the price of batches; one that may go before them, and all
        else, at the full one."""
        if not self.calls.first:
            return _NOTHING
        leading = [each for each in self.calls.first if each.leads]
        leads = self._firsts(leading, batch=True)
        full = self._firsts(leading, batch=False)
        rest = self._firsts([each for each in self.calls.first if not each.leads], batch=False)
        if leads is None or full is None or rest is None:
            return None
        worst, usual, best = self.batches.hits if self.past.caches else (_ALWAYS,) * 3
        alone = self.batches.goes_ahead(self.calls.leads)
        before = (full.read - leads.read) / self.calls.leads if alone else 0.0
        expected = leads.expected(usual) + rest.expected(self._hits) + before
        part = expected / max(full.read + rest.read, 1)
        return self._range(
            expected + self._written(batch=True) + self._again(),
            less=leads.extra * (best - usual),
            more=leads.extra * (usual - worst),
            part=min(part, 1.0),
        )

    @property
    def _hits(self) -> float:
        """Of realtime calls, those that find their beginning cached."""
        return _ALWAYS - self.past.miss_rate

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
        each = sum(one.weight * one.spread**2 for one in self.calls.first) * a_token**2
        whole = (self._answers() * self.past.runs_differ) ** 2
        rate, differs = self.past.again_rate, self.past.again_rate_differs
        one_again = self._again() / max(self.calls.again, 1e-9)
        again = one_again**2 * (self.calls.count * rate + (self.calls.count * differs) ** 2)
        few = 1 + 1 / max(self.past.runs, 1)
        return sqrt((each + whole + again) * few)

    def _answers(self) -> float:
        """What the first answers cost."""
        return self.calls.total(lambda tokens: tokens.output) * self._a_token()

    def _a_token(self) -> float:
        """Of an answer."""
        most = 1_000_000
        return (self._cost(Usage(output_tokens=most), batch=False) or 0) / most

    def _again(self) -> float:
        """What is asked again, in realtime: with a longer prompt, whose beginning is cached."""
        past = self.past
        total = 0.0
        for each in self.calls.first:
            tokens = each.tokens
            prompt = (tokens.prefix + tokens.own) * past.again_input
            read = tokens.prefix if past.caches else 0.0
            usage = Usage(
                input_tokens=round(max(prompt - read, 0)),
                cache_read_tokens=round(read),
                output_tokens=round(tokens.output * past.again_output),
            )
            total += each.weight * (self._cost(usage, batch=False) or 0)
        return total * past.again_rate

    def _firsts(self, calls: Iterable[Asked], *, batch: bool) -> "_Firsts | None":
        read = write = 0.0
        for each in calls:
            costs = [self._first(each, batch=batch, hit=hit) for hit in (True, False)]
            if costs[0] is None or costs[1] is None:
                return None
            read, write = read + each.weight * costs[0], write + each.weight * costs[1]
        return _Firsts(read=read, write=write)

    def _first(self, each: Asked, *, batch: bool, hit: bool) -> int | None:
        hour = batch or _hour(each.call)
        usage = _usage(each.call, each.tokens, hit=hit, caches=self._caches(batch), hour=hour)
        return self._cost(usage, batch=batch)

    def _caches(self, batch: bool) -> bool:
        """A few requests of a batch have nothing marked: nobody would read what they write."""
        return self.past.caches and not (batch and self.calls.leads < PRIMED_FROM)

    def _written(self, *, batch: bool) -> float:
        """What the first write of each beginning costs beyond reading it."""
        if not self.past.caches:
            return 0.0
        total = 0.0
        seen: set[str] = set()
        for each in self.calls.first:
            if not each.call.prefix or each.call.prefix in seen:
                continue
            seen.add(each.call.prefix)
            count, in_batch = round(each.tokens.prefix), batch and each.leads
            if not self._caches(in_batch):
                continue
            write = _write(count, hour=in_batch or _hour(each.call))
            costs = [
                self._cost(usage, batch=in_batch)
                for usage in (write, Usage(cache_read_tokens=count))
            ]
            total += (costs[0] or 0) - (costs[1] or 0)
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
