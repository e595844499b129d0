"""The packages that batchgen is made of: locked with their hashes, of licences that are allowed."""

import json
from pathlib import Path

import pytest

from batchgen.local import licences, sbom
from batchgen.local.packages import DEVELOPMENT, PRODUCTION, locked


def test_each_package_is_locked_with_its_hashes_and_by_somebody() -> None:
    production, development = locked(PRODUCTION), locked(DEVELOPMENT)
    assert all(each.sha256 and each.asked_for_by for each in (*production, *development))
    versions = {each.name: each.version for each in development}
    assert versions.items() >= {each.name: each.version for each in production}.items()


def test_a_package_without_a_hash_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "requirements.txt"
    path.write_text("sound==1.0 \\\n    --hash=sha256:" + "0" * 64 + "\nloose==1.0\n")
    with pytest.raises(ValueError, match="loose"):
        locked(path)


def test_the_licences_of_all_packages_are_allowed() -> None:
    wrong = {
        each.name: words for each, words in licences.licences() if not licences.is_allowed(words)
    }
    assert not wrong


@pytest.mark.parametrize(
    ("words", "allowed"),
    [
        ("MIT", True),
        ("MIT OR GPL-3.0-only", True),
        ("MIT AND Apache-2.0", True),
        ("MIT AND GPL-3.0-only", False),
        ("MIT AND (GPL-3.0-only OR BSD-3-Clause)", False),
        ("Mozilla Public License 2.0 (MPL 2.0)", True),
        ("Proprietary", False),
        ("", False),
    ],
)
def test_a_licence_that_nobody_has_read_is_not_allowed(words: str, *, allowed: bool) -> None:
    assert licences.is_allowed(words) is allowed


def test_the_bill_of_materials_has_every_package_of_production(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert sbom.main() == 0
    bill = json.loads(capsys.readouterr().out)
    assert bill["bomFormat"] == "CycloneDX"
    assert bill["metadata"]["component"]["name"] == "batchgen"
    listed = {each["purl"]: each for each in bill["components"]}
    assert set(listed) == {f"pkg:pypi/{each.name}@{each.version}" for each in locked()}
    django = next(each for purl, each in listed.items() if purl.startswith("pkg:pypi/django@"))
    assert django["licenses"]
    assert django["externalReferences"][0]["hashes"]
    asked = {each["ref"]: each.get("dependsOn", []) for each in bill["dependencies"]}
    assert django["purl"] in asked["batchgen"]
