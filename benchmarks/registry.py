"""The workloads by name. A new one is a module with `run`, and a line here."""

from collections.abc import Callable
from importlib import import_module

from benchmarks.bench import Bench
from benchmarks.rows import Rows

#: In the order in which `make bench` runs them.
WORKLOADS: dict[str, str] = {
    "W0": "benchmarks.w0_memory",
    "BUDGET": "benchmarks.w0_budget",
    "W1": "benchmarks.w1_latency",
    "W2": "benchmarks.w2_limits",
    "W2P": "benchmarks.w2p_turns",
    "W3": "benchmarks.w3_controls",
    "W3R": "benchmarks.w3_moments",
    "W4": "benchmarks.w4_kill",
    "W5": "benchmarks.w5_fleet",
    "W6": "benchmarks.w6_growth",
    "W7": "benchmarks.w7_quality",
    "W8": "benchmarks.w8_slow_calls",
    "LANES": "benchmarks.lane_curve",
    "M1": "benchmarks.m1_bill",
    "BATCHES": "benchmarks.batch_scale",
    "GROUPS": "benchmarks.groups",
    "EPICS": "benchmarks.epics_grouping",
    "TOKENS": "benchmarks.tokens",
    "ITEMS": "benchmarks.items",
    "SIM": "benchmarks.sim_fleet",
    "QUOTES": "benchmarks.quotes",
    "DRAWN": "benchmarks.quotes_drawn",
    "LIVE": "benchmarks.live_events",
    "UI": "benchmarks.ui",
    "WEB": "benchmarks.web_requests",
    "BIG": "benchmarks.big_database",
    "ATTACK": "benchmarks.attack",
    "ATTACKED": "benchmarks.attacked",
}


def workload(name: str) -> Callable[[Bench], Rows]:
    """The workload's `run`; its module may use Django's models, so it is imported only now."""
    run: Callable[[Bench], Rows] = import_module(WORKLOADS[name]).run
    return run
