"""The provider's state: settings, clock, buckets, caches, faults, the call log and the books."""

from dataclasses import replace
from math import log, sqrt
from random import Random
from typing import Any

from simulator.clock import Clock
from simulator.protocol.buckets import PoolLimits
from simulator.protocol.model_catalogue import Model
from simulator.protocol.prompt_cache import PromptCache
from simulator.settings import Settings
from simulator.state.books import Books
from simulator.state.calls import CallLog
from simulator.state.fault_actions import NO_FAULT, Action
from simulator.state.faults import FaultRules, Occasion, parse_rules
from simulator.writing.answers import Answers

_LIMITS = (
    "requests_per_minute",
    "input_tokens_per_minute",
    "output_tokens_per_minute",
    "count_tokens_per_minute",
    "batch_requests_per_minute",
    "burst_s",
)


class Provider:
    """One pretended organization. Lives in one thread; nothing in it waits.

    Args:
        rules: fault rules as decoded JSON.

    Raises:
        FaultRuleError: `rules` cannot be understood.
    """

    def __init__(self, settings: Settings, rules: Any = ()) -> None:
        self._start_settings = settings
        self._start_rules = list(rules) if isinstance(rules, tuple) else rules
        self.resets = 0
        """A call that began before the last one is not billed any more."""
        self.calls = CallLog(settings.calls_kept)
        self.answers = Answers()
        self.books = Books()
        self.cache = PromptCache()
        self.batch_cache = PromptCache()
        self.batch_limits: PoolLimits
        """The request bucket of the batch endpoints, which all models share."""
        self.reset()

    def reset(self) -> None:
        """Back to the settings, rules and time of the start, with full buckets and empty books."""
        self.clock = Clock()
        self.resets += 1
        self.settings = self._start_settings
        self.faults = FaultRules(parse_rules(self._start_rules))
        self.calls.clear(self.settings.calls_kept)
        self.books.clear()
        self.cache.clear()
        self.batch_cache.clear()
        self._random = Random(self.settings.seed)  # noqa: S311  # repeatable on purpose
        self._refill()

    def configure(self, settings: Settings) -> None:
        """Take new settings; changed limits start with full buckets."""
        before, self.settings = self.settings, settings
        if any(getattr(before, name) != getattr(settings, name) for name in _LIMITS):
            self._refill()
        if before.seed != settings.seed:
            self._random.seed(settings.seed)
        if before.calls_kept != settings.calls_kept:
            self.calls.keep(settings.calls_kept)

    def fault_for(self, occasion: Occasion) -> Action:
        """What happens to a call or to a request of a batch."""
        return self.faults.action_for(occasion, self.settings.seed) or NO_FAULT

    def limits_of(self, model: Model) -> PoolLimits:
        """The buckets that the model shares with its pool."""
        limits = self._limits.get(model.pool)
        if limits is None:
            limits = self._limits[model.pool] = PoolLimits(self.settings, self.clock.monotonic_s())
        return limits

    def count_limits_of(self, model: Model) -> PoolLimits:
        """The request bucket of `count_tokens`, apart from that of messages."""
        limits = self._count_limits.get(model.pool)
        if limits is None:
            limits = self._requests_only(self.settings.count_tokens_per_minute)
            self._count_limits[model.pool] = limits
        return limits

    def latency_s(self) -> float:
        """How long the next answer takes: fixed, or lognormal with the set mean and deviation."""
        return self.drawn(self.settings.latency_ms, self.settings.jitter_ms) / 1000

    def drawn(self, mean: float, deviation: float) -> float:
        """The mean, or a lognormal number with this mean and standard deviation."""
        if not deviation or not mean:
            return mean
        variance = log(1 + (deviation / mean) ** 2)
        return self._random.lognormvariate(log(mean) - variance / 2, sqrt(variance))

    def _requests_only(self, per_minute: int) -> PoolLimits:
        settings = replace(
            self.settings,
            requests_per_minute=per_minute,
            input_tokens_per_minute=0,
            output_tokens_per_minute=0,
        )
        return PoolLimits(settings, self.clock.monotonic_s())

    def _refill(self) -> None:
        self._limits: dict[str, PoolLimits] = {}
        self._count_limits: dict[str, PoolLimits] = {}
        self.batch_limits = self._requests_only(self.settings.batch_requests_per_minute)
