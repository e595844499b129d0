"""`python -m tests.acceptance.faults [SCENARIO …] [--seed N]`: break things, check invariants.

The seed is printed. The same seed gives the same schedule: the same faults, together with the
same ones, at the same distances. What the processes do in between is up to the machine.
"""

import argparse
import json
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from random import SystemRandom

from rich.console import Console

from tests.acceptance.faults.bed import bed


def main(arguments: Sequence[str] | None = None) -> int:
    """Run scenarios; 1 when an invariant did not hold."""
    options = _parser().parse_args(arguments)
    console = Console(width=None if sys.stdout.isatty() else 110)
    seed = options.seed if options.seed is not None else SystemRandom().randrange(10_000)
    with bed(options.logs) as made:
        from tests.acceptance.faults.scenarios import SCENARIOS, Asked

        def run(name: str) -> list[str]:
            asked = Asked(
                seed=seed,
                faults=options.faults,
                epics=options.epics,
                minutes=options.minutes,
                kinds=tuple(options.only or ()),
                content=options.content,
            )
            console.print(f"{name}, seed {seed}", style="bold")
            return SCENARIOS[name](made, asked, console)

        if options.serve:
            return _serve(run)
        violations = [each for name in options.scenarios for each in run(name)]
    console.print(f"{len(violations)} violations; again with --seed {seed}")
    return 1 if violations else 0


def _serve(run: Callable[[str], list[str]]) -> int:
    """Run the scenario that each line of the input names; answer with a line of JSON."""
    for line in sys.stdin:
        try:
            violations = run(line.strip())
        except Exception:  # told to the test that asked
            violations = [traceback.format_exc()]
        sys.stdout.write("\n" + json.dumps({"violations": violations}) + "\n")
        sys.stdout.flush()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.acceptance.faults",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "scenarios", nargs="*", default=["mixed", "controls", "poison", "lanes"], help="what to run"
    )
    parser.add_argument("--seed", type=int, help="repeat a schedule; by default any")
    parser.add_argument(
        "--faults", type=int, default=300, help="faults of `mixed`; of `batches` 60 at most"
    )
    parser.add_argument("--epics", type=int, default=2000, help="epics of `mixed`")
    parser.add_argument(
        "--content",
        choices=["stories", "subtasks", "pages"],
        default="stories",
        help="what the runs of `mixed` make",
    )
    parser.add_argument("--minutes", type=float, default=25, help="no more faults after these")
    parser.add_argument("--only", action="append", metavar="KIND", help="draw from these kinds")
    parser.add_argument("--logs", type=Path, help="keep the processes' logs in this directory")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    sys.exit(main())
