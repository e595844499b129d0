"""Prometheus metrics of runs."""

from prometheus_client import Histogram

RUN_S = Histogram(
    "batchgen_run_seconds",
    "From a run's first epic to its end, pauses and all.",
    ["status"],
    buckets=(10, 30, 60, 300, 600, 1800, 3600, 4 * 3600, 24 * 3600),
)
EVENT_LAG_S = Histogram(
    "batchgen_event_lag_seconds",
    "From the writing of a run's log line to its publication as a live event.",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30),
)
