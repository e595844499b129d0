"""Which release an upgrade is rehearsed from, and that nobody passes for want of one."""

import pytest

from tests.acceptance.upgrade.releases import HistoryMissing, upgraded_from

SINCE = "# Changelog\n\n## Unreleased\n\n### Added\n\n- A thing.\n\n"
NOTHING_SINCE = "# Changelog\n\n## Unreleased\n\n"
FIRST = "## 0.1.0 - 2026-11-26\n\n- All.\n"
SECOND = "## 0.2.0 - 2026-12-01\n\n- More.\n\n" + FIRST
THIRD = "## 0.10.0 - 2027-01-01\n\n- Most.\n\n" + SECOND


@pytest.mark.parametrize(
    ("changelog", "tags", "expected"),
    [
        (SINCE + FIRST, ["v0.1.0"], None),
        (SINCE + FIRST, [], None),
        (SINCE + FIRST, ["v0.2.0"], "v0.2.0"),
        (SINCE + SECOND, ["v0.1.0", "v0.2.0"], "v0.2.0"),
        (SINCE + THIRD, ["v0.10.0", "v0.2.0", "v0.9.0-rc1", "nightly"], "v0.10.0"),
        # The commit of a release, whose tag comes after it.
        (NOTHING_SINCE + SECOND, ["v0.1.0"], None),
        (THIRD, ["v0.2.0"], "v0.2.0"),
    ],
)
def test_the_newest_release_is_upgraded_from(
    changelog: str, tags: list[str], expected: str | None
) -> None:
    assert upgraded_from(changelog, tags) == expected


@pytest.mark.parametrize(
    ("changelog", "tags", "lacking"),
    [
        (SINCE + SECOND, [], "v0.2.0"),
        (SINCE + SECOND, ["v0.1.0"], "v0.2.0"),
        (SINCE + THIRD, ["v0.2.0"], "v0.10.0"),
        (NOTHING_SINCE + THIRD, [], "v0.2.0"),
    ],
)
def test_history_that_is_missing_is_named_with_what_to_fetch(
    changelog: str, tags: list[str], lacking: str
) -> None:
    with pytest.raises(HistoryMissing, match=rf"no tag {lacking}.*git fetch --tags"):
        upgraded_from(changelog, tags)
