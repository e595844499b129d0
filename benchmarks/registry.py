"""The workloads by name. A new one is a module with `run`, and a line here."""

from collections.abc import Callable
from importlib import import_module

from benchmarks.bench import Bench
from benchmarks.rows import Rows

#: In the order in which `make bench` runs them.
WORKLOADS: dict[str, str] = {
    "W0": "benchmarks.w0_memory",
    "W1": "benchmarks.w1_latency",
    "W3": "benchmarks.w3_controls",
    "W4": "benchmarks.w4_kill",
    "W6": "benchmarks.w6_growth",
    "LIVE": "benchmarks.live_events",
}


def workload(name: str) -> Callable[[Bench], Rows]:
    """The workload's `run`; its module may use Django's models, so it is imported only now."""
    run: Callable[[Bench], Rows] = import_module(WORKLOADS[name]).run
    return run
