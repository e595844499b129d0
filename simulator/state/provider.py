"""The provider's state: settings, buckets, cache, faults and the call log."""

import time
from dataclasses import replace
from math import log, sqrt
from random import Random
from typing import Any

from simulator.protocol.buckets import PoolLimits
from simulator.protocol.model_catalogue import Model
from simulator.protocol.prompt_cache import PromptCache
from simulator.settings import Settings
from simulator.state.calls import CallLog
from simulator.state.faults import FaultRules, parse_rules
from simulator.writing.answers import Answers

_LIMITS = (
    "requests_per_minute",
    "input_tokens_per_minute",
    "output_tokens_per_minute",
    "count_tokens_per_minute",
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
        self.calls = CallLog(settings.calls_kept)
        self.answers = Answers()
        self.cache = PromptCache()
        self.reset()

    def reset(self) -> None:
        """Back to the settings and rules of the start, with full buckets and empty books."""
        self.settings = self._start_settings
        self.faults = FaultRules(parse_rules(self._start_rules))
        self.calls.clear(self.settings.calls_kept)
        self.cache.clear()
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

    def limits_of(self, model: Model) -> PoolLimits:
        """The buckets that the model shares with its pool."""
        limits = self._limits.get(model.pool)
        if limits is None:
            limits = self._limits[model.pool] = PoolLimits(self.settings, time.monotonic())
        return limits

    def count_limits_of(self, model: Model) -> PoolLimits:
        """The request bucket of `count_tokens`, apart from that of messages."""
        limits = self._count_limits.get(model.pool)
        if limits is None:
            limits = PoolLimits(_counting(self.settings), time.monotonic())
            self._count_limits[model.pool] = limits
        return limits

    def latency_s(self) -> float:
        """How long the next answer takes: fixed, or lognormal with the set mean and deviation."""
        mean, deviation = self.settings.latency_ms, self.settings.jitter_ms
        if not deviation:
            return mean / 1000
        variance = log(1 + (deviation / mean) ** 2)
        return self._random.lognormvariate(log(mean) - variance / 2, sqrt(variance)) / 1000

    def _refill(self) -> None:
        self._limits: dict[str, PoolLimits] = {}
        self._count_limits: dict[str, PoolLimits] = {}


def _counting(settings: Settings) -> Settings:
    return replace(
        settings,
        requests_per_minute=settings.count_tokens_per_minute,
        input_tokens_per_minute=0,
        output_tokens_per_minute=0,
    )
