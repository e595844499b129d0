"""`python -m tests.mutants [--part 1/2] [WORD …]`: take each guard away, and see its test go red.

Without words all mutants; with words those whose guard contains one of them; of these every second
one, for example, where two processes share the work. Works on a copy of the tree, with servers of
its own.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from batchgen.local import stack
from batchgen.local.local_dir import ROOT, scratch
from batchgen.local.supervisor import Supervisor
from batchgen.local.terminal import LogFiles
from tests.mutants.catalogue import MUTANTS, Mutant

_NOT_COPIED = shutil.ignore_patterns(
    ".git", ".venv", ".local", "__pycache__", ".*_cache", "static", "node_modules"
)
#: A mutant that hangs was noticed.
_TEST_S = 60
_AT_MOST_S = 240
#: For the tests of all mutants, one after the other.
_WHOLE_S = 3600
_FAILED = 1


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What the tests said."""

    mutant: Mutant
    caught: bool
    seconds: float
    said: str


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the mutants; 1 when one survived, 2 when the tests do not pass without any."""
    options = _parser().parse_args(arguments)
    console = Console(width=None if sys.stdout.isatty() else 120)
    part, parts = options.part
    mutants = _chosen(options.words)[part - 1 :: parts]
    with _workshop() as (copy, environment):
        console.print(f"{len(mutants)} mutants. First their tests without any ...")
        every = sorted({test for mutant in mutants for test in mutant.tests})
        plain = _tests(copy, environment, every, fresh=True, at_most_s=_WHOLE_S)
        if plain.returncode:
            console.print(plain.stdout[-4000:], markup=False)
            return 2
        verdicts = []
        for mutant in mutants:
            verdicts.append(_verdict(mutant, copy, environment))
            word = "caught" if verdicts[-1].caught else "SURVIVED"
            console.print(f"{word} in {verdicts[-1].seconds:.0f} s: {mutant.guard}")
    console.print(_table(verdicts))
    survived = [verdict for verdict in verdicts if not verdict.caught]
    for verdict in survived:
        console.print(f"SURVIVED: {verdict.mutant.guard}\n{verdict.said}", markup=False)
    console.print(f"{len(verdicts) - len(survived)} of {len(verdicts)} mutants were caught.")
    return 1 if survived else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("words", nargs="*", metavar="WORD", help="of a mutant's guard")
    parser.add_argument("--part", type=_part, default=(1, 1), metavar="1/2", help="of several")
    return parser


def _part(text: str) -> tuple[int, int]:
    part, parts = map(int, text.split("/"))
    if not 1 <= part <= parts:
        raise ValueError(text)
    return part, parts


def _chosen(words: Sequence[str]) -> list[Mutant]:
    return [m for m in MUTANTS if not words or any(word in m.guard for word in words)]


@contextmanager
def _workshop() -> Iterator[tuple[Path, dict[str, str]]]:
    """A copy of the tree, and the environment of servers for its tests."""
    environment = stack.base_environment()
    for name in ("DATABASE_URL", "REDIS_URL", "DJANGO_SETTINGS_MODULE"):
        environment.pop(name, None)
    # Sources that change within a second, at the same length, must not be taken for compiled.
    environment["PYTHONDONTWRITEBYTECODE"] = "1"
    with scratch() as directory:
        copy = directory / "tree"
        shutil.copytree(ROOT, copy, ignore=_NOT_COPIED)
        logs = LogFiles(directory / "log")
        with (
            Supervisor(logs.line, signals=False) as supervisor,
            stack.servers(supervisor, directory, environment, durable=False),
        ):
            yield copy, environment
        logs.close()


def _verdict(mutant: Mutant, copy: Path, environment: dict[str, str]) -> Verdict:
    path = copy / mutant.file
    original = path.read_text()
    path.write_text(_changed(original, mutant))
    begun = time.monotonic()
    try:
        done = _tests(copy, environment, mutant.tests, fresh=mutant.schema)
    finally:
        path.write_text(original)
    seconds = time.monotonic() - begun
    if mutant.schema:
        _tests(copy, environment, mutant.tests, fresh=True)
    # Only failed tests count: a mutant that cannot be imported or collected proves nothing.
    return Verdict(
        mutant=mutant,
        caught=done.returncode == _FAILED,
        seconds=seconds,
        said=done.stdout[-1500:],
    )


def _changed(text: str, mutant: Mutant) -> str:
    for old, new in mutant.changes:
        if text.count(old) != 1:
            sys.exit(
                f"{mutant.guard}: this stands {text.count(old)} times in {mutant.file}, not once. "
                f"Bring the mutant up to date:\n{old}"
            )
        text = text.replace(old, new)
    return text


def _tests(
    copy: Path,
    environment: dict[str, str],
    tests: Sequence[str],
    *,
    fresh: bool,
    at_most_s: float = _AT_MOST_S,
) -> "subprocess.CompletedProcess[str]":
    argv = [
        sys.executable,
        "-m",
        "pytest",
        "-x",
        "-q",
        "--no-header",
        "-p",
        "no:cacheprovider",
    ]
    argv += ["--create-db" if fresh else "--reuse-db", f"--timeout={_TEST_S}", *tests]
    if fresh:
        argv.insert(-len(tests), "--reuse-db")
    try:
        return subprocess.run(
            argv,
            cwd=copy,
            env={**os.environ, **environment},
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=at_most_s,
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        return subprocess.CompletedProcess(argv, _FAILED, f"{late.timeout} s were not enough", "")


def _table(verdicts: Sequence[Verdict]) -> Table:
    table = Table(title="Mutants")
    for name in ("guard taken away", "test", "caught in s"):
        table.add_column(name)
    for verdict in verdicts:
        tests = ", ".join(test.rpartition("::")[2] for test in verdict.mutant.tests)
        table.add_row(
            verdict.mutant.guard, tests, f"{verdict.seconds:.0f}" if verdict.caught else "SURVIVED"
        )
    return table


if __name__ == "__main__":
    sys.exit(main())
