"""How long earlier calls and items took, as a quote learns from it. Pure."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from statistics import fmean, median, pstdev
from uuid import UUID

from runs.quotes.past_calls import PastCall, by_run

#: A call's seconds for each token of its answer, and at least, where none was made.
_COLD_S_PER_TOKEN, _COLD_S = 0.012, 2.0
#: Seconds of an item beside its calls.
_COLD_BESIDE_S = 0.05
#: From an item's end to the next one's begin in its lane: where nobody knows, and at most; what is
#: longer was a wait for a limit.
_COLD_BETWEEN_S, _MOST_BETWEEN_S = 0.02, 0.25
#: How far runs differ from each other, of their mean, where fewer than three tell; and at least.
_TIMES_DIFFER, _TIMES_DIFFER_LEAST = 0.25, 0.05


@dataclass(frozen=True, kw_only=True)
class PastTimes:
    """Of calls that were made one by one; those of the provider's batches tell nothing."""

    calls: Sequence[PastCall]

    @cached_property
    def _first(self) -> list[PastCall]:
        return [call for call in self.calls if call.realtime and not call.again]

    def seconds(self, *, alike: str, output_tokens: float) -> list[float]:
        """What calls like this one took."""
        like = [call.call_s for call in self._first if call.alike == alike]
        found = like or [call.call_s for call in self._first]
        return found or [max(_COLD_S, _COLD_S_PER_TOKEN * output_tokens)]

    @cached_property
    def again_seconds(self) -> list[float]:
        """What calls took that ask again; empty where none was made."""
        return [call.call_s for call in self.calls if call.again]

    @cached_property
    def beside_s(self) -> float:
        """Of an item, beside its calls."""
        items: dict[UUID, list[PastCall]] = defaultdict(list)
        for call in self.calls:
            items[call.item_id].append(call)
        left = [
            calls[0].item_s - sum(call.call_s for call in calls)
            for calls in items.values()
            if all(call.realtime for call in calls)
        ]
        return max(median(left), 0.0) if left else _COLD_BESIDE_S

    @cached_property
    def between_s(self) -> float:
        """From an item's end to the next one's begin in its lane, beside the pacing's delay."""
        lanes: dict[tuple[UUID, int], set[tuple[float, float, float]]] = defaultdict(set)
        for call in filter(lambda each: each.realtime, self.calls):
            times = (call.began_s, call.began_s + call.item_s, call.delay_s)
            lanes[call.run_id, call.lane_id].add(times)
        gaps = [
            later[0] - before[1] - before[2]
            for times in lanes.values()
            for before, later in pairwise(sorted(times))
        ]
        return min(max(median(gaps), 0.0), _MOST_BETWEEN_S) if gaps else _COLD_BETWEEN_S

    @cached_property
    def differ(self) -> float:
        """How far the calls' mean time in a run is off as a rule, of that in all."""
        means = [fmean(call.call_s for call in calls) for calls in by_run(self._first)]
        if len(means) < 3 or not fmean(means):
            return _TIMES_DIFFER
        return max(pstdev(means) / fmean(means), _TIMES_DIFFER_LEAST)
