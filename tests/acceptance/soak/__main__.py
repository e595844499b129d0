"""`python -m tests.acceptance.soak [--minutes N] [--seed N]`: hours of mixed load, and the books.

All kinds of runs, realtime and by batches, some under budgets; people who pause, cancel and watch;
webhooks; workers, Redis and web processes that die. What is kept for days is kept for a twelfth of
the time, so that the clean-up of every table has to work. `--read` tells what the samples of a soak
say that is over, or goes on.
"""

import argparse
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from random import Random, SystemRandom

from rich.console import Console

from batchgen.local.local_dir import free_port
from tests.acceptance.soak.reading import Reading, show, violations_of

#: Of the whole time; of a minute, too.
_KEPT_SHARE, _KEPT_LEAST_S = 1 / 12, 60
_SAMPLE_S, _SAMPLES_LEAST = 60.0, 12
_SAMPLES = "samples.csv"


def main(arguments: Sequence[str] | None = None) -> int:
    """Soak, or read; 1 when something was lost or doubled, leaks, or is not bounded."""
    options = _parser().parse_args(arguments)
    console = Console(width=None if sys.stdout.isatty() else 130)
    if options.read:
        return _tell(options.read, [], console)
    # Whoever ends it has everything taken down too.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    seed = options.seed if options.seed is not None else SystemRandom().randrange(10_000)
    logs = options.logs or Path(tempfile.mkdtemp(prefix="soak-"))
    console.print(f"soak of {options.minutes:g} minutes, seed {seed}, in {logs}", markup=False)
    violations = _soak(options.minutes * 60, seed, logs, console)
    return _tell(logs / _SAMPLES, violations, console)


def _soak(seconds: float, seed: int, logs: Path, console: Console) -> list[str]:
    from tests.acceptance.soak.place import place

    keep_s = max(_KEPT_LEAST_S, round(seconds * _KEPT_SHARE))
    port = free_port()
    with place(keep_s=keep_s, hook_port=port, logs=logs) as made:
        from tests.acceptance.soak.hooks import Hooks
        from tests.acceptance.soak.samples import Samples
        from tests.acceptance.soak.soak import Soak
        from tests.integration.webhooks.receiver import receiving

        hooks = Hooks(random=Random(seed))
        samples = Samples(logs / _SAMPLES)
        with receiving(hooks.answer, port=port) as receiver:
            samples.note("plan", keep_s=keep_s, seconds=seconds, seed=seed)
            soak = Soak(
                place=made,
                receiver=receiver,
                hooks=hooks,
                samples=samples,
                console=console,
                seed=seed,
                seconds=seconds,
                sample_s=min(_SAMPLE_S, seconds / _SAMPLES_LEAST),
            )
            violations = soak.run()
        samples.close()
    return violations


def _tell(samples: Path, violations: list[str], console: Console) -> int:
    reading = Reading.of(samples)
    show(reading, console)
    violations = [*violations, *violations_of(reading)]
    for violation in violations:
        console.print(f"VIOLATED {violation}", style="red", markup=False, highlight=False)
    console.print(f"{len(violations)} violations")
    return 1 if violations else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.acceptance.soak",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--minutes", type=float, default=120, help="no run starts after these")
    parser.add_argument("--seed", type=int, help="repeat what is drawn; by default any")
    parser.add_argument(
        "--logs", type=Path, help="keep samples and logs in this directory; by default a new one"
    )
    parser.add_argument("--read", type=Path, metavar="CSV", help="read samples, and do no more")
    return parser


if __name__ == "__main__":
    sys.exit(main())
