"""The call log: every `POST /v1/messages`, from its arrival to its end."""

import time
from collections import Counter, deque
from itertools import islice
from typing import Any


class Call:
    """One call. `status` is None while in flight, then an HTTP status or how it broke off."""

    __slots__ = (
        "cache_read_tokens",
        "cache_write_tokens",
        "end",
        "end_monotonic",
        "epic",
        "fault",
        "index",
        "input_tokens",
        "marker",
        "model",
        "output_tokens",
        "retry_count",
        "start",
        "start_monotonic",
        "status",
        "stop_reason",
        "stream",
    )

    def __init__(
        self,
        index: int,
        marker: str | None,
        epic: str | None,
        model: str | None,
        arrived_s: float,
    ) -> None:
        self.index = index
        self.marker = marker
        self.epic = epic
        self.model = model
        self.start = time.time() - (time.monotonic() - arrived_s)
        self.start_monotonic = arrived_s
        self.end: float | None = None
        self.end_monotonic: float | None = None
        self.status: int | str | None = None
        self.stop_reason: str | None = None
        self.fault: str | None = None
        self.retry_count = 0
        self.stream = False
        self.input_tokens = 0
        self.cache_write_tokens = 0
        self.cache_read_tokens = 0
        self.output_tokens = 0

    def shown(self) -> dict[str, Any]:
        """The call as `GET /_sim/stats` lists it; times in epoch seconds."""
        return {name: getattr(self, name) for name in _SHOWN}


_SHOWN = (
    *("index", "marker", "epic", "model", "start", "end", "start_monotonic", "end_monotonic"),
    *("status", "stop_reason", "fault", "retry_count", "stream"),
    *("input_tokens", "cache_write_tokens", "cache_read_tokens", "output_tokens"),
)


class CallLog:
    """The latest calls, and totals over all since the last reset."""

    def __init__(self, kept: int) -> None:
        self.in_flight = 0
        self.clear(kept)

    def clear(self, kept: int) -> None:
        """Start afresh; a call in flight is still counted as in flight, but no longer listed."""
        self._calls: deque[Call] = deque(maxlen=kept)
        self._begun = 0
        self._max_in_flight = self.in_flight
        self._by_status: Counter[str] = Counter()
        self._by_fault: Counter[str] = Counter()
        self._tokens: Counter[str] = Counter()
        self._sdk_retries = 0

    def keep(self, kept: int) -> None:
        """List only the latest `kept` calls from now on."""
        self._calls = deque(self._calls, maxlen=kept)

    def begin(
        self,
        *,
        marker: str | None,
        epic: str | None,
        model: str | None,
        retry_count: int,
        arrived_s: float,
    ) -> Call:
        """Log a call that arrived then, in monotonic seconds."""
        call = Call(self._begun, marker, epic, model, arrived_s)
        call.retry_count = retry_count
        self._sdk_retries += retry_count > 0
        self._calls.append(call)
        self._begun += 1
        self.in_flight += 1
        self._max_in_flight = max(self._max_in_flight, self.in_flight)
        return call

    def finish(self, call: Call, status: int | str, stop_reason: str | None = None) -> None:
        """Log the end of a call, once; a second end changes nothing."""
        if call.end is not None:
            return
        call.end = time.time()
        call.end_monotonic = time.monotonic()
        call.status = status
        call.stop_reason = stop_reason
        self.in_flight -= 1
        self._by_status[str(status)] += 1
        if call.fault:
            self._by_fault[call.fault] += 1
        tokens = self._tokens
        tokens["input_tokens"] += call.input_tokens
        tokens["cache_write_tokens"] += call.cache_write_tokens
        tokens["cache_read_tokens"] += call.cache_read_tokens
        tokens["output_tokens"] += call.output_tokens

    def totals(self) -> dict[str, Any]:
        """Counts and sums since the last reset."""
        return {
            "calls": self._begun,
            "in_flight": self.in_flight,
            "max_in_flight": self._max_in_flight,
            "by_status": dict(self._by_status),
            "by_fault": dict(self._by_fault),
            "sdk_retries": self._sdk_retries,
            **{f"{name}_tokens": self._tokens[f"{name}_tokens"] for name in _TOKEN_SUMS},
        }

    def since(self, index: int) -> list[dict[str, Any]]:
        """The calls from `index` on, as far as they are still kept."""
        first = self._begun - len(self._calls)
        return [call.shown() for call in islice(self._calls, max(0, index - first), None)]

    @property
    def next_index(self) -> int:
        """The index that the next call will have."""
        return self._begun


_TOKEN_SUMS = ("input", "cache_write", "cache_read", "output")
