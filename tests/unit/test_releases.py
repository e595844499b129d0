"""Which release an upgrade is rehearsed from, and that nobody passes for want of one."""

import subprocess
from pathlib import Path

import pytest

from tests.acceptance.upgrade.releases import HistoryMissing, commit_of, upgraded_from

FIRST = "# Changelog\n\n## Unreleased\n\n- A thing.\n\n## 0.1.0 - 2026-11-26\n\n- All.\n"
SECOND = FIRST.replace("## 0.1.0", "## 0.2.0 - 2026-12-01\n\n- More.\n\n## 0.1.0")
THIRD = SECOND.replace("## 0.2.0", "## 0.10.0 - 2027-01-01\n\n- Most.\n\n## 0.2.0")


@pytest.mark.parametrize(
    ("changelog", "version", "expected"),
    [
        (FIRST, "0.2.0.dev0", None),
        (SECOND, "0.2.0", None),
        (SECOND, "0.3.0.dev0", "0.2.0"),
        (THIRD, "0.10.0", "0.2.0"),
        (THIRD, "0.11.0.dev0", "0.10.0"),
    ],
)
def test_the_newest_release_before_is_upgraded_from(
    changelog: str, version: str, expected: str | None
) -> None:
    assert upgraded_from(changelog, version=version) == expected


def test_a_release_is_where_its_tag_is_or_where_its_version_began(tmp_path: Path) -> None:
    _git(tmp_path, "init", "--quiet")
    commits = [_commit(tmp_path, version) for version in ("0.2.0.dev0", "0.2.0", "0.2.0", "0.3.0")]
    assert commit_of("0.2.0", tmp_path) == commits[1]
    _git(tmp_path, "tag", "v0.2.0", commits[2])
    assert commit_of("0.2.0", tmp_path) == commits[2]


def test_history_that_is_missing_is_named_with_what_to_fetch(tmp_path: Path) -> None:
    missing = "no tag v0.2.0 and no commit of it.*git fetch --tags"
    with pytest.raises(HistoryMissing, match=missing):  # there is none at all
        commit_of("0.2.0", tmp_path)
    _git(tmp_path, "init", "--quiet")
    _commit(tmp_path, "0.2.0.dev0")
    with pytest.raises(HistoryMissing, match=missing):
        commit_of("0.2.0", tmp_path)


def _commit(root: Path, version: str) -> str:
    """One that says this version."""
    (root / "batchgen").mkdir(exist_ok=True)
    (root / "batchgen" / "__init__.py").write_text(f'VERSION = "{version}"\n')
    _git(root, "add", "--all")
    _git(root, "commit", "--quiet", "--allow-empty", f"--message={version}")
    return _git(root, "rev-parse", "HEAD")


def _git(root: Path, *words: str) -> str:
    person = ("-c", "user.name=Somebody", "-c", "user.email=somebody@example.org")
    done = subprocess.run(
        ["git", *person, *words],  # noqa: S607 - whichever git a developer has
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()
