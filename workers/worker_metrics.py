"""How epics and their stages fare in this worker. No I/O: counts alone."""

from collections.abc import Mapping

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


def epic_ended(status: str, stage_ms: Mapping[str, int]) -> None:
    """Count an epic and its stages."""
    EPICS.labels(status).inc()
    for stage, milliseconds in stage_ms.items():
        STAGE_S.labels(stage).observe(milliseconds / 1000)
