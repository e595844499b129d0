"""The release that the program here is upgraded from, and its files."""

import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterable
from pathlib import Path

from batchgen.local.local_dir import ROOT

#: The first release that later ones work beside.
OLDEST = (0, 2, 0)
_UNRELEASED = re.compile(r"^## Unreleased\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^## (\d+)\.(\d+)\.(\d+)\b", re.MULTILINE)
_TAG = re.compile(r"v(\d+)\.(\d+)\.(\d+)")

Version = tuple[int, ...]


class HistoryMissing(Exception):
    """git does not know the release. The message says what to fetch."""


def upgraded_from(changelog: str, tags: Iterable[str]) -> str | None:
    """The tag of the newest release, 0.2.0 or later; None where there is none yet.

    Raises:
        HistoryMissing: the changelog has a newer one.
    """
    known = {_version(found) for tag in tags if (found := _TAG.fullmatch(tag))}
    newest = max((each for each in known if each >= OLDEST), default=None)
    wanted = next((each for each in _released(changelog) if each >= OLDEST), None)
    if wanted is not None and wanted not in known:
        raise HistoryMissing(
            f"CHANGELOG.md has the release {_text(wanted)}, and git knows no tag "
            f"v{_text(wanted)}, so nothing says whether it can be upgraded. Fetch it: `git fetch "
            "--tags origin`, in a shallow clone `git fetch --tags --unshallow origin`."
        )
    return f"v{_text(newest)}" if newest else None


def tags_known() -> list[str]:
    """git's; none outside of a clone."""
    return _git("tag").stdout.split()


def checked_out(revision: str, directory: Path) -> Path:
    """The program as of that revision.

    Raises:
        HistoryMissing: git does not know it, or lacks its files.
    """
    archive, program = directory / "program.tar", directory / "program"
    done = _git("archive", f"--output={archive}", revision)
    if done.returncode:
        raise HistoryMissing(
            f"git cannot give the files of {revision}: {done.stderr.strip()} In a shallow clone: "
            "`git fetch --tags --unshallow origin`."
        )
    with tarfile.open(archive) as files:
        files.extractall(program, filter="data")
    return program


def _git(*words: str) -> subprocess.CompletedProcess[str]:
    argv = [shutil.which("git") or "/usr/bin/git", *words]
    return subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)


def _released(changelog: str) -> list[Version]:
    """The newest first. The one that is being released, before anything came after it, has its tag
    only once this program is found to be good."""
    versions = [_version(found) for found in _HEADING.finditer(changelog)]
    unreleased = _UNRELEASED.search(changelog)
    return versions if unreleased and unreleased[1].strip() else versions[1:]


def _version(found: re.Match[str]) -> Version:
    return tuple(map(int, found.groups()))


def _text(version: Version) -> str:
    return ".".join(map(str, version))
