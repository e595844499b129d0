"""`python -m tests.acceptance.budgets [--runs N] [--seed N]`: runs whose budgets are too small.

They are a run's, a project's month's and the installation's, some with several runs; the runs go in
all lanes, their workers are killed, they are paused, budgets are raised, lowered and taken away.

The seed is printed. The same seed gives the same runs and budgets; what the processes do in between
is up to the machine.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from random import Random, SystemRandom

from tests.acceptance.faults.bed import bed

#: Runs of one wave, which go on at the same time.
_AT_ONCE = 10
#: What batches wait for is not what is proved here.
_SETTINGS = {
    "BATCHGEN_BATCH_TICK_S": "0.2",
    "BATCHGEN_BATCH_POLL_S": "0.3",
    "BATCHGEN_BATCH_POLL_MOST_S": "0.5",
    "BATCHGEN_BATCH_LOST_S": "8",
    "BATCHGEN_BATCH_SPILL_WAIT_S": "2",
    "BATCHGEN_BATCH_SPILL_MARGIN_S": "2",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run waves until there were so many runs; 1 where something did not hold."""
    options = _parser().parse_args(arguments)
    seed = options.seed if options.seed is not None else SystemRandom().randrange(10_000)
    os.environ.update(_SETTINGS)
    violations: list[str] = []
    with bed(options.logs) as made:
        from tests.acceptance.budgets.wave import Wave

        left, number = options.runs, 0
        while left > 0:
            count = min(left, _AT_ONCE)
            wave = Wave(bed=made, random=Random(f"{seed}.{number}"), count=count)
            wave.run()
            sys.stdout.write(f"wave {number}, seed {seed}: {wave.told()}\n")
            violations += wave.violations
            left, number = left - count, number + 1
    for violation in violations:
        sys.stdout.write(f"VIOLATED: {violation}\n")
    sys.stdout.write(f"{len(violations)} violations; again with --seed {seed}\n")
    return 1 if violations else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.acceptance.budgets",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--runs", type=int, default=100, help="how many, ten at a time")
    parser.add_argument("--seed", type=int, help="repeat runs and budgets; by default any")
    parser.add_argument("--logs", type=Path, help="keep the processes' logs in this directory")
    return parser


if __name__ == "__main__":
    sys.exit(main())
