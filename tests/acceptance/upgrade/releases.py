"""The release that the program here is upgraded from, and its files."""

import re
import shutil
import subprocess
import tarfile
from pathlib import Path

from batchgen.local.local_dir import ROOT

#: The first release that later ones work beside.
OLDEST = (0, 2, 0)
_HEADING = re.compile(r"^## (\d+\.\d+\.\d+)\b", re.MULTILINE)
#: Where each commit says which version it is.
_SAYS = "batchgen/__init__.py"


class HistoryMissing(Exception):
    """git does not know the release. The message says what to fetch."""


def upgraded_from(changelog: str, *, version: str) -> str | None:
    """The newest release before this version, 0.2.0 or later; None where there is none."""
    released = [each for each in _HEADING.findall(changelog) if each != version]
    return next((each for each in released if _numbers(each) >= OLDEST), None)


def commit_of(release: str, root: Path = ROOT) -> str:
    """The commit that has its tag, or, where git was told of no tags, the one that began to say
    that it is this version.

    Raises:
        HistoryMissing: git knows neither.
    """
    tagged = _git(root, "rev-parse", "--verify", "--quiet", f"v{release}^{{commit}}")
    says = f'VERSION = "{release}"'
    began = _git(root, "log", "--reverse", "--format=%H", f"-S{says}", "--", _SAYS)
    for found in (tagged, began):
        if found.returncode == 0 and found.stdout.strip():
            return found.stdout.split()[0]
    raise HistoryMissing(
        f"CHANGELOG.md has the release {release}, and git knows no tag v{release} and no commit of "
        "it, so nothing says whether it can be upgraded. Fetch them: `git fetch --tags origin`, in "
        "a shallow clone `git fetch --tags --unshallow origin`."
    )


def checked_out(revision: str, directory: Path) -> Path:
    """The program as of that revision.

    Raises:
        HistoryMissing: git does not know it, or lacks its files.
    """
    archive, program = directory / "program.tar", directory / "program"
    done = _git(ROOT, "archive", f"--output={archive}", revision)
    if done.returncode:
        raise HistoryMissing(
            f"git cannot give the files of {revision}: {done.stderr.strip()} In a shallow clone: "
            "`git fetch --tags --unshallow origin`."
        )
    with tarfile.open(archive) as files:
        files.extractall(program, filter="data")
    return program


def _git(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    argv = [shutil.which("git") or "/usr/bin/git", *words]
    return subprocess.run(argv, cwd=root, capture_output=True, text=True, check=False)


def _numbers(release: str) -> tuple[int, ...]:
    return tuple(map(int, release.split(".")))
