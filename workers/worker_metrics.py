"""How epics, their stages and the provider's calls fare in this worker. No I/O: counts alone."""

from collections.abc import Mapping

from prometheus_client import Counter, Histogram

_SHORT_S = (0.001, 0.005, 0.025, 0.1, 0.5, 2)
_CALL_S = (0.5, 1, 2, 5, 10, 20, 40, 80, 160, 320)

EPICS = Counter("batchgen_epics_total", "Epics that this worker brought to an end.", ["status"])
STAGE_S = Histogram(
    "batchgen_stage_seconds",
    "Stages of completed epics.",
    ["stage"],
    buckets=(*_SHORT_S, *_CALL_S[3:]),
)
PROVIDER_CALL_S = Histogram(
    "batchgen_provider_call_seconds", "Calls that were answered.", ["model"], buckets=_CALL_S
)
PROVIDER_ERRORS = Counter(
    "batchgen_provider_errors_total",
    "Calls without an answer, by our code and the HTTP status (429: the rate limit; none: no"
    " response).",
    ["code", "status"],
)


def epic_ended(status: str, stage_ms: Mapping[str, int]) -> None:
    """Count an epic and its stages."""
    EPICS.labels(status).inc()
    for stage, milliseconds in stage_ms.items():
        STAGE_S.labels(stage).observe(milliseconds / 1000)
