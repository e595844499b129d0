"""Whatever tells the program's version tells `batchgen.VERSION`."""

import re
import tomllib

import yaml

from batchgen import VERSION
from batchgen.local.local_dir import ROOT

_RELEASE = re.compile(r"(\d+)\.(\d+)\.(\d+)(\.dev0)?")
_CHANGELOG = (ROOT / "CHANGELOG.md").read_text()
_HEADINGS = re.findall(r"^## (.*)", _CHANGELOG, re.MULTILINE)


def _version(text: str) -> tuple[int, ...]:
    found = _RELEASE.match(text)
    assert found, text
    return tuple(map(int, found.groups()[:3]))


def test_what_follows_follows() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    described = yaml.load((ROOT / "docs" / "openapi.yaml").read_text(), Loader=yaml.CSafeLoader)
    assert _RELEASE.fullmatch(VERSION)
    assert (project["version"], described["info"]["version"]) == (VERSION, VERSION)


def test_the_changelog_has_the_release_or_what_will_be_in_the_next_one() -> None:
    """A release is its newest heading; a version of development is later than that."""
    first, newest = _HEADINGS[:2]
    assert first == "Unreleased"
    if VERSION.endswith(".dev0"):
        assert _version(VERSION) > _version(newest)
    else:
        assert newest.startswith(f"{VERSION} - ")
        unreleased = _CHANGELOG.partition("## Unreleased")[2].partition("\n## ")[0]
        assert not unreleased.strip(), "set VERSION to the next one, with .dev0"


def test_releases_are_in_order_and_have_a_day() -> None:
    released = _HEADINGS[1:]
    assert all(re.fullmatch(r"\d+\.\d+\.\d+ - \d{4}-\d\d-\d\d", each) for each in released)
    assert [_version(each) for each in released] == sorted(map(_version, released), reverse=True)
