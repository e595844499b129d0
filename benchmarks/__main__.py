"""`python -m benchmarks [W0 W1 …] [--repeats N] [--quick] [--peers] [--json FILE]`."""

import argparse
import json
import os
import platform
import signal
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from batchgen.local.child import ChildFailedError
from benchmarks.bench import Bench, bench
from benchmarks.registry import WORKLOADS, workload
from benchmarks.rows import Rows


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what was asked for; 1 when a workload could not be measured."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    console = Console()
    machine = _machine()
    console.print("  ".join(f"{name}: {value}" for name, value in machine.items()), style="dim")
    results: list[Rows] = []
    try:
        with bench(repeats=options.repeats, quick=options.quick, peers=options.peers) as given:
            names = options.workloads or WORKLOADS
            # One by one, so that what was measured is kept when a later one fails.
            results.extend(_measured(name, given, console) for name in names)
    except (ChildFailedError, RuntimeError) as error:
        console.print(f"Stopped: {error}", style="red")
        return 1
    except KeyboardInterrupt:
        console.print("Stopped.")
        return 130
    finally:
        if options.json and results:
            content = {"machine": machine, "results": [each.as_json() for each in results]}
            options.json.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")
    return 0


def _measured(name: str, given: Bench, console: Console) -> Rows:
    with console.status(f"{name} …"):
        rows = workload(name)(given)
    console.print(rows.as_table())
    for note in rows.notes:
        console.print(f"  {note}")
    console.print()
    return rows


def _machine() -> dict[str, str]:
    return {
        "at": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "cores": str(os.cpu_count()),
        "load": f"{os.getloadavg()[0]:.1f}",
        "Python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    known = ", ".join(WORKLOADS)
    parser.add_argument(
        "workloads", nargs="*", metavar="WORKLOAD", type=_known, help=f"of {known}; default: all"
    )
    parser.add_argument("--repeats", type=int, default=3, help="measurements of each thing")
    parser.add_argument("--quick", action="store_true", help="a tenth of the work, once")
    parser.add_argument("--peers", action="store_true", help="other systems beside ours (W0, W1)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    return parser


def _known(name: str) -> str:
    if name.upper() not in WORKLOADS:
        raise argparse.ArgumentTypeError(f"{name} is none of {', '.join(WORKLOADS)}")
    return name.upper()


if __name__ == "__main__":
    sys.exit(main())
