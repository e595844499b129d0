"""The packages of a lock file: versions, hashes, who asked for them, and their licences."""

import re
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from packaging.markers import Marker

from batchgen.local.local_dir import ROOT

PRODUCTION = ROOT / "requirements.txt"
DEVELOPMENT = ROOT / "requirements-dev.txt"

_PINNED = re.compile(r"([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;]+)(?: *; *(.*?))?(?: *\\)?$")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
#: Behind `# via`, or below it: a package, or `-r requirements.in`.
_VIA = re.compile(r" +# +(?:via +)?(?:-r +)?(?!via$)(\S+)")
#: A text of this length is a licence, and not the name of one.
_LONGEST_NAME = 60
_NO_NAME = {"", "UNKNOWN", "Dual License"}
#: Says nothing of the licence itself.
_NO_LICENCE = {"OSI Approved", "DFSG approved"}


@dataclass(frozen=True, kw_only=True)
class Locked:
    """One package at one version; its marker says where it is installed ("": everywhere)."""

    name: str
    version: str
    marker: str
    sha256: tuple[str, ...]
    asked_for_by: tuple[str, ...]

    @property
    def here(self) -> bool:
        """Whether this Python on this system installs it."""
        return not self.marker or Marker(self.marker).evaluate()


def locked(path: Path = PRODUCTION) -> list[Locked]:
    """The packages of a lock file, as they stand there.

    Raises:
        ValueError: one has no hash, so that pip would take any file of that name.
    """
    blocks: list[list[str]] = []
    for line in path.read_text().splitlines():
        if line and not line.startswith((" ", "#")):
            blocks.append([])
        if blocks:
            blocks[-1].append(line)
    return [_read(block) for block in blocks]


def _read(block: list[str]) -> Locked:
    pinned = _PINNED.fullmatch(block[0])
    hashes = tuple(_HASH.findall("\n".join(block)))
    if not pinned or not hashes:
        raise ValueError(f"No version, or no hash: {block[0]}")
    name, version, marker = pinned.groups("")
    vias = tuple(found[1] for line in block if (found := _VIA.fullmatch(line)))
    return Locked(name=name, version=version, marker=marker, sha256=hashes, asked_for_by=vias)


def licence(name: str) -> str:
    """What the installed package says of its licence, in its own words.

    An SPDX expression where it has one, else its classifiers, else a short text. "": it says
    nothing, or is not installed.
    """
    try:
        told = metadata.metadata(name)
    except metadata.PackageNotFoundError:
        return ""
    if "License-Expression" in told:
        return told["License-Expression"]
    classifiers = [each.split(" :: ")[-1] for each in told.get_all("Classifier", ()) if _is(each)]
    named = [each for each in classifiers if each not in _NO_LICENCE]
    text = " ".join(told["License"].split()) if "License" in told else ""
    short = text if len(text) <= _LONGEST_NAME and text not in _NO_NAME else ""
    return " AND ".join(named) or short


def _is(classifier: str) -> bool:
    return classifier.startswith("License ::")
