"""`python -m simulator`: flags in, one line out when ready, stops on SIGTERM or SIGINT."""

import argparse
import json
import logging
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

from simulator.server import run
from simulator.settings import Settings, SettingsError
from simulator.state.fault_actions import FaultRuleError
from simulator.state.provider import Provider

_HELP = {
    "latency_ms": "time to the end of an answer (mean, with jitter)",
    "jitter_ms": "standard deviation of the latency, lognormal",
    "seed": "seeds latency and fault chances",
    "requests_per_minute": "per model; 0 = no limit",
    "input_tokens_per_minute": "per model; 0 = no limit",
    "output_tokens_per_minute": "per model; 0 = no limit",
    "count_tokens_per_minute": "requests to count_tokens; 0 = no limit",
    "burst_s": "capacity of each bucket, in seconds of refill",
    "max_concurrency": "calls at the same time; 0 = no limit",
    "calls_kept": "calls that /_sim/stats lists",
    "bill_abandoned": "1: bill a call whose client left while it was answered",
    "batch_ends_after_s": "time to the end of a batch (mean, with deviation)",
    "batch_deviation_s": "standard deviation of that time, lognormal",
    "batch_cancel_s": "time from a batch's cancellation to its end",
    "batch_in_flight": "requests that still succeed when their batch is cancelled",
    "batch_requests_per_minute": "calls to the batch endpoints; 0 = no limit",
    "batch_queued_requests": "requests of batches that have not ended; 0 = no limit",
    "batch_cache_hits_warm": "share of a batch's requests that read what earlier batches cached",
    "batch_cache_hits_cold": "share of them that read what the same batch cached",
    "batch_results_url_relative": "1: results_url without scheme and host",
    "format_is_input": "1: the output format counts as input",
    "cache_write_total_zero": "1: the flat total of cache writes is 0",
}


def main(arguments: list[str] | None = None) -> int:
    """Run the simulator; 2 on bad flags or files, 1 when the address is taken."""
    parser = _parser()
    options = parser.parse_args(arguments)
    logging.basicConfig(format="simulator: %(message)s", stream=sys.stderr)
    values = {field.name: getattr(options, field.name) for field in fields(Settings)}
    try:
        provider = Provider(Settings(**values), _read_rules(options.faults))
    except (SettingsError, FaultRuleError, OSError, ValueError) as error:
        parser.error(str(error))
    try:
        run(provider, host=options.host, port=options.port)
    except OSError as error:
        print(f"simulator: {error}. Choose another --port.", file=sys.stderr)  # noqa: T201  # a program's own message
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m simulator", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8765, help="0 = any free port")
    parser.add_argument("--faults", type=Path, help="JSON file with a list of fault rules")
    for field in fields(Settings):
        kind = int if field.type is int else float
        flag = f"--{field.name.replace('_', '-')}"
        parser.add_argument(flag, type=kind, default=field.default, help=_HELP[field.name])
    return parser


def _read_rules(path: Path | None) -> Any:
    return json.loads(path.read_text(encoding="utf-8")) if path else []


if __name__ == "__main__":
    sys.exit(main())
