"""Prometheus metrics of batchgen itself. Labels name kinds, never people, projects or runs.

Each process tells of itself: web at /metrics (`runs.reads.exposition`), a worker on a port of its
own (BATCHGEN_WORKER_METRICS_PORT). Runs keep theirs in `runs.run_metrics`, workers in
`workers.worker_metrics`.
"""

from prometheus_client import Counter, Histogram

REQUEST_S = Histogram(
    "batchgen_http_request_seconds",
    "Time to answer a request; of an event stream, to grant it.",
    ["method", "route", "status"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
)
ROUND_TRIPS = Counter(
    "batchgen_database_round_trips_total",
    "Named statements sent to PostgreSQL, each a transaction; tries after errors count too.",
    ["statement"],
)
MESSAGES_DROPPED = Counter(
    "batchgen_broker_messages_dropped_total",
    "Messages of the broker that nothing of batchgen sends, by what is wrong with them.",
    ["kind"],
)
