"""`python -m tests.acceptance.hosts [--minutes N] [--seed S]`: break hosts, check invariants.

Needs root, Linux, and Debian's iproute2, nftables, nginx-light, pgbouncer and redis-server;
where one is missing it says so and ends with 0. The seed is printed; the same seed
gives the same schedule.
"""

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from random import SystemRandom

from rich.console import Console

from tests.acceptance.hosts.network import NoHosts
from tests.acceptance.hosts.world import world


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the schedule; 1 when an invariant did not hold."""
    options = _parser().parse_args(arguments)
    console = Console(width=None if sys.stdout.isatty() else 110)
    # Whoever ends it has everything taken down too.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    seed = options.seed if options.seed is not None else SystemRandom().randrange(10_000)
    try:
        with world(options.logs) as made:
            if options.throughput:
                from tests.acceptance.hosts.throughput import measure

                measure(made, console)
                return 0
            from tests.acceptance.hosts.scenarios import Asked, mixed

            asked = Asked(
                seed=seed,
                minutes=options.minutes,
                kinds=tuple(options.only or ()),
                patience=options.patience,
            )
            console.print(f"{len(made.network.hosts)} hosts, seed {seed}", style="bold")
            violations = mixed(made, asked, console)
    except NoHosts as why:
        console.print(f"skipped: there are no hosts here ({why})", markup=False)
        return 0
    console.print(f"{len(violations)} violations; again with --seed {seed}")
    return 1 if violations else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.acceptance.hosts",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--minutes", type=float, default=30, help="no more faults after these")
    parser.add_argument("--seed", type=int, help="repeat a schedule; by default any")
    parser.add_argument("--only", action="append", metavar="KIND", help="draw from these kinds")
    parser.add_argument(
        "--throughput", action="store_true", help="break nothing: measure one worker and four"
    )
    parser.add_argument(
        "--patience",
        type=float,
        default=1.0,
        metavar="TIMES",
        help="allow so many times as long for all that takes time; nothing else",
    )
    parser.add_argument("--logs", type=Path, help="keep the processes' logs in this directory")
    return parser


if __name__ == "__main__":
    sys.exit(main())
