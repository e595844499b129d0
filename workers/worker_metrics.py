"""How epics, their stages and the provider's calls fare in this worker. No I/O: counts alone."""

from collections.abc import Mapping
from functools import cache

from prometheus_client import Counter, Histogram

#: What computes is done in milliseconds; a stage that calls takes as long as the call.
_STAGE_S = (0.001, 0.005, 0.025, 0.1, 0.5, 2, 5, 10, 20, 40, 80, 160, 320)

EPICS = Counter("batchgen_epics_total", "Epics that this worker brought to an end.", ["status"])
STAGE_S = Histogram(
    "batchgen_stage_seconds",
    "Stages of completed epics.",
    ["stage"],
    buckets=_STAGE_S,
)
#: What the loop is late by, and how many writes go together.
LOOP_LAG_S = Histogram(
    "batchgen_loop_lag_seconds",
    "How late the event loop came round, ten times a second.",
    buckets=(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5),
)
GROUP_SIZE = Histogram(
    "batchgen_group_size",
    "Writes of lanes that were committed together.",
    ["statement"],
    buckets=(1, 2, 4, 8, 16, 32),
)
_CALL_S = Histogram(
    "batchgen_provider_call_seconds",
    "Calls that were answered.",
    ["model"],
    buckets=(0.5, 1, 2, 5, 10, 20, 40, 80, 160, 320),
)
_CALL_ERRORS = Counter(
    "batchgen_provider_errors_total",
    "Calls without an answer, by our code and the HTTP status (429: the rate limit; none: no"
    " response).",
    ["code", "status"],
)


def call_answered(model: str, seconds: float) -> None:
    """Count a call that was answered after so long."""
    _CALL_S.labels(model).observe(seconds)


def call_failed(code: str, http_status: int | None) -> None:
    """Count a call without an answer."""
    _CALL_ERRORS.labels(code, str(http_status or "none")).inc()


#: A stage's own series; prometheus_client looks it up under a lock.
_stage_s = cache(STAGE_S.labels)


def item_ended(status: str, stage_ms: Mapping[str, int]) -> None:
    """Count an item and its stages."""
    EPICS.labels(status).inc()
    for stage, milliseconds in stage_ms.items():
        _stage_s(stage).observe(milliseconds / 1000)
