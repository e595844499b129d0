"""What earlier calls took, as a quote learns from it: answers, repairs, cache. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import sqrt
from statistics import fmean, pstdev
from typing import Any, NamedTuple

from runs.quotes.past_calls import PastCall, by_run
from runs.quotes.past_times import PastTimes
from runs.quotes.rendering import FutureCall

#: Fewer calls with the same prompts do not outweigh those with others.
ENOUGH_CALLS = 5
#: Of a prompt, where no provider has counted one: about what English prose has.
_BYTES_PER_TOKEN = 3.6
#: A line through fewer answers means nothing.
_FOR_A_LINE = 5
#: No length of a question tells all of an answer's.
_MOST_TOLD = 0.999
#: What nothing is known of: the part of its cap that an answer fills, and how far that may be off.
COLD_PART, COLD_LOW, COLD_HIGH = 0.4, 0.1, 1.0
#: Calls that are asked again, of all: where none was made, and as if so many had been seen before.
_COLD_AGAIN, _PRIOR_CALLS = 0.04, 20
#: How far runs differ from each other, of their mean, where fewer than three tell; and at least.
_RUNS_DIFFER, _RUNS_DIFFER_LEAST = 0.08, 0.03


class Answer(NamedTuple):
    """Tokens of an answer: expected, and how far a single one is off as a rule."""

    tokens: float
    spread: float


@dataclass(frozen=True, kw_only=True, slots=True)
class _Line:
    """The length of answers by that of what was asked, within what was seen."""

    x: float
    y: float
    slope: float
    spread: float
    least: float
    most: float

    def at(self, x: float) -> float:
        return self.y + self.slope * (min(max(x, self.least), self.most) - self.x)


@dataclass(frozen=True, kw_only=True)
class Past:
    """What is known of earlier calls of a kind.

    Attributes:
        calls: of the last runs, by the same model and with the same prompts where there are any.
        same_prompts, same_model: whether they are.
    """

    calls: Sequence[PastCall] = ()
    same_prompts: bool = False
    same_model: bool = True
    _lines: dict[str, _Line | None] = field(default_factory=dict, init=False, repr=False)

    @classmethod
    def of(cls, rows: Iterable[Mapping[str, Any]], *, same_model: bool = True) -> "Past":
        """Of calls as SQL has them: those with the same prompts alone, where they are enough."""
        calls = [PastCall.of(row) for row in rows]
        same = [call for call in calls if call.same_prompts]
        if len(same) >= ENOUGH_CALLS:
            return cls(calls=same, same_prompts=True, same_model=same_model)
        return cls(calls=calls, same_model=same_model)

    @property
    def calibrated(self) -> bool:
        """Its answers are of the same model and prompts."""
        return self.same_prompts and self.same_model

    @cached_property
    def runs(self) -> int:
        """How many runs tell."""
        return len({call.run_id for call in self.calls})

    @cached_property
    def first(self) -> list[PastCall]:
        """Calls that are made where nothing has to be repaired."""
        return [call for call in self.calls if not call.again]

    @cached_property
    def times(self) -> PastTimes:
        """How long they took."""
        return PastTimes(calls=self.calls)

    @cached_property
    def _timed(self) -> list[PastCall]:
        return [call for call in self.first if call.realtime]

    @cached_property
    def _asked_again(self) -> list[PastCall]:
        return [call for call in self.calls if call.again]

    @cached_property
    def tokens_per_byte(self) -> float:
        """Of prompts, as the provider counted them."""
        counted = [call for call in self.calls if call.prompt_bytes]
        if not counted:
            return 1 / _BYTES_PER_TOKEN
        return sum(c.prompt_tokens for c in counted) / sum(c.prompt_bytes for c in counted)

    @cached_property
    def counted(self) -> bool:
        """Whether a provider's counts are known."""
        return any(call.prompt_bytes for call in self.calls)

    def answer(self, call: FutureCall, *, own_tokens: float) -> Answer:
        """An answer to a prompt with so many tokens behind its beginning."""
        cap = call.max_tokens
        line = self._line(call.alike, call.purpose)
        if line is None:
            return Answer(COLD_PART * cap, COLD_PART * cap / 2)
        tokens = min(call.part * max(line.at(own_tokens), line.y / 4), cap)
        return Answer(tokens, call.part * line.spread)

    def _line(self, alike: str, purpose: str) -> _Line | None:
        """Of calls like this one, else of this purpose, else of all."""
        if alike not in self._lines:
            wanted: tuple[Callable[[PastCall], bool], ...] = (
                lambda call: call.alike == alike,
                lambda call: call.purpose == purpose,
                lambda call: True,
            )
            groups = ([call for call in self.first if fits(call)] for fits in wanted)
            found: list[PastCall] = next(filter(None, groups), [])
            self._lines[alike] = _line_through(found)
        return self._lines[alike]

    @cached_property
    def runs_differ(self) -> float:
        """How far the answers of a whole run are off as a rule, beyond what single ones are."""
        parts: list[float] = []
        chance: list[float] = []
        for calls in by_run(self.first):
            lines = [(call, self._line(call.alike, call.purpose)) for call in calls]
            told = [(call, line) for call, line in lines if line]
            expected = sum(call.part * line.at(call.input_tokens) for call, line in told)
            if expected and len(calls) >= 3:
                parts.append(sum(call.output_tokens for call in calls) / expected)
                single = sum((call.part * line.spread) ** 2 for call, line in told)
                chance.append(single / expected**2)
        if len(parts) < 3:
            return _RUNS_DIFFER
        beyond = pstdev(parts) ** 2 - fmean(chance)
        return max(sqrt(max(beyond, 0.0)), _RUNS_DIFFER_LEAST)

    @cached_property
    def again_rate(self) -> float:
        """Calls that are asked again, for each first one."""
        seen = len(self._asked_again) + _COLD_AGAIN * _PRIOR_CALLS
        return seen / (len(self.first) + _PRIOR_CALLS)

    @cached_property
    def again_rate_differs(self) -> float:
        """How far that of a whole run is off as a rule, beyond chance."""
        rates: list[float] = []
        chance: list[float] = []
        for calls in by_run(self.calls):
            first = max(sum(not call.again for call in calls), 1)
            rates.append((len(calls) - first) / first)
            chance.append(self.again_rate / first)
        if len(rates) < 3:
            return self.again_rate
        return sqrt(max(pstdev(rates) ** 2 - fmean(chance), 0.0))

    @cached_property
    def again_input(self) -> float:
        """The tokens of a prompt that asks again, for each of a first one's."""
        if not self._asked_again or not self.first:
            return 2.0
        first = fmean(call.prompt_tokens for call in self.first)
        return fmean(call.prompt_tokens for call in self._asked_again) / max(first, 1)

    @cached_property
    def again_output(self) -> float:
        """Likewise of answers."""
        if not self._asked_again or not self.first:
            return 1.0
        first = fmean(call.output_tokens for call in self.first)
        return fmean(call.output_tokens for call in self._asked_again) / max(first, 1)

    @cached_property
    def caches(self) -> bool:
        """Whether the provider caches the beginnings of these prompts; True where nobody knows."""
        return not self._timed or any(call.cached for call in self._timed)

    @cached_property
    def miss_rate(self) -> float:
        """Of a run's calls behind the first one, those that write the cache once more."""
        behind = missed = 0
        for calls in by_run(self._timed):
            cached = [call for call in calls if call.cached]
            behind += max(len(cached) - 1, 0)
            missed += max(sum(call.cache_write_tokens > 0 for call in cached) - 1, 0)
        return missed / behind if behind else 0.0


def _line_through(calls: Sequence[PastCall]) -> _Line | None:
    """Level where the length of the question tells nothing of that of the answer."""
    if not calls:
        return None
    xs = [float(call.input_tokens) for call in calls]
    ys = [call.whole for call in calls]
    x, y = fmean(xs), fmean(ys)
    width, height = pstdev(xs), pstdev(ys)
    slope = 0.0
    if len(calls) >= _FOR_A_LINE and width and height:
        together = fmean((a - x) * (b - y) for a, b in zip(xs, ys, strict=True))
        told = min((together / (width * height)) ** 2, _MOST_TOLD)
        # Less steep, the more of it may be chance.
        beyond_chance = 1 - (1 - told) / (told * (len(calls) - 2)) if told else 0.0
        slope = max(beyond_chance, 0.0) * together / width**2
    spread = sqrt(fmean((b - y - slope * (a - x)) ** 2 for a, b in zip(xs, ys, strict=True)))
    # A few answers look more alike than they are.
    spread *= sqrt(len(calls) / max(len(calls) - 2, 1))
    return _Line(
        x=x,
        y=y,
        slope=slope,
        spread=spread if len(calls) > 2 else max(spread, y / 4),
        least=min(xs),
        most=max(xs),
    )
