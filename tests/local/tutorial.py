"""`make tutorial`: the blocks of docs/tutorial.md in one shell, beside a `make up` of their own."""

import re
import subprocess
import sys
from fnmatch import fnmatchcase
from itertools import pairwise
from pathlib import Path

import pytest

from batchgen.local.local_dir import ROOT
from tests.local.test_whole_stack import clone, environment, up

__all__ = ["clone", "environment"]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

_PAGE = (ROOT / "docs" / "tutorial.md").read_text()
_BLOCK = re.compile(r"^```(bash|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_BEGINS = "-- block --"


def blocks() -> list[tuple[str, str]]:
    """The numbered blocks, each with what the page says that it prints ("": that is not said)."""
    found = [(kind, text) for kind, text in _BLOCK.findall(_PAGE)] + [("bash", "")]
    return [
        (code, shown if then == "text" else "")
        for (kind, code), (then, shown) in pairwise(found)
        if kind == "bash"
    ]


def fits(shown: str, said: str) -> bool:
    """Whether it was printed, to the letter; `…` stands for anything."""
    return fnmatchcase(said.strip(), shown.strip().replace("…", "*"))


def test_the_tutorial_does_what_it_says(clone: Path, environment: dict[str, str]) -> None:
    (clone / ".venv").symlink_to(sys.prefix)
    port = environment["BATCHGEN_PORT"]
    script = "".join(f"echo '{_BEGINS}'\n{code}" for code, _ in blocks())
    with up(clone, environment):
        done = subprocess.run(
            ["/bin/bash", "-euo", "pipefail", "-c", script.replace(":8000/", f":{port}/")],
            cwd=clone,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=500,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    said = done.stdout.split(f"{_BEGINS}\n")[1:]
    assert len(said) == len(blocks()) >= 11
    for (code, shown), printed in zip(blocks(), said, strict=True):
        assert not shown or fits(shown, printed), f"{code}\n{printed}"
