"""The calls that a run would make, and what they would take. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from runs.quotes.past import Past
from runs.quotes.rendering import FutureCall, FutureItem


@dataclass(frozen=True, kw_only=True, slots=True)
class Tokens:
    """What a call takes: of its beginning, which may be cached, of the rest, and of its answer."""

    prefix: float
    own: float
    output: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """A foreseen call and what it takes.

    Attributes:
        weight: so many such calls it stands for.
        spread: how far its answer is off as a rule, in tokens.
        leads: its item's first one, which batches may ask.
    """

    call: FutureCall
    tokens: Tokens
    weight: float
    spread: float
    leads: bool


@dataclass(frozen=True, kw_only=True)
class Calls:
    """The calls of a run, as far as they are foreseen."""

    items: Sequence[FutureItem]
    past: Past

    @cached_property
    def first(self) -> list[Asked]:
        """Those that are made where nothing is repaired."""
        return [
            self._asked(call, weight=item.weight, leads=not place)
            for item in self.items
            for place, call in enumerate(item.calls)
        ]

    def tokens_of(self, call: FutureCall) -> Tokens:
        """What a call takes, expected."""
        return self._asked(call, weight=1, leads=True).tokens

    def _asked(self, call: FutureCall, *, weight: float, leads: bool) -> Asked:
        past = self.past
        prefix, own = (size * past.tokens_per_byte for size in (call.prefix_bytes, call.own_bytes))
        # As the calls before it were counted: all of a prompt that is not cached.
        seen = own if past.caches else prefix + own
        asked = seen - call.stays_bytes * past.tokens_per_byte
        answer = past.answer(call, own_tokens=asked)
        return Asked(
            call=call,
            tokens=Tokens(prefix=prefix, own=own, output=answer.tokens),
            weight=weight,
            spread=answer.spread,
            leads=leads,
        )

    @cached_property
    def count(self) -> float:
        """First calls."""
        return sum(each.weight for each in self.first)

    @cached_property
    def leads(self) -> float:
        """Those of them that batches may ask."""
        return sum(each.weight for each in self.first if each.leads)

    @cached_property
    def prefixes(self) -> int:
        """Beginnings that are written to the cache once each."""
        if not self.past.caches:
            return 0
        return len({each.call.prefix for each in self.first if each.call.prefix})

    @property
    def again(self) -> float:
        """Calls that ask again, expected."""
        return self.count * self.past.again_rate

    @cached_property
    def input_tokens(self) -> float:
        """Of all prompts, expected; whatever of them is cached."""
        first = self.total(lambda tokens: tokens.prefix + tokens.own)
        return first * (1 + self.past.again_rate * self.past.again_input)

    @cached_property
    def limited_input_tokens(self) -> float:
        """Those that count against a limit: not what is read from the cache."""
        prefixes = {each.call.prefix: each.tokens.prefix for each in self.first}
        written = sum(tokens for prefix, tokens in prefixes.items() if prefix)
        behind = written if self.past.caches else self.total(lambda tokens: tokens.prefix)
        own = self.total(lambda tokens: tokens.own)
        return behind + own * (1 + self.past.again_rate * self.past.again_input)

    @cached_property
    def output_tokens(self) -> float:
        """Of all answers, expected."""
        first = self.total(lambda tokens: tokens.output)
        return first * (1 + self.past.again_rate * self.past.again_output)

    def total(self, part: Callable[[Tokens], float]) -> float:
        """Of all first calls."""
        return sum(each.weight * part(each.tokens) for each in self.first)
