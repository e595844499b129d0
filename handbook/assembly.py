"""The site's sources: docs/, the pages of the clone's root, and generated references."""

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

from batchgen.local.local_dir import ROOT
from handbook.references import api, commands, error_codes, licences, metrics

DOCS = ROOT / "docs"
#: Pages of the clone's root that are pages of the site, too.
_FROM_ROOT = ("CHANGELOG.md", "SECURITY.md")
_ASSETS = {".png", ".yaml"}
#: A link to a file beside docs/, which the site does not have.
_OUTWARD = re.compile(r"\[([^\]]+)\]\(\.\./([^)#]+)(#[^)]*)?\)")
_FROM_ROOT_INWARD = re.compile(r"\]\(docs/")

References = dict[str, Callable[[], str]]
REFERENCES: References = {
    **{f"reference/api/{tag}.md": partial(api.page, tag) for tag in api.tags()},
    "reference/api/schemas.md": api.schemas_page,
    "reference/commands.md": commands.page,
    "reference/error-codes.md": error_codes.page,
    "reference/licences.md": licences.page,
    "reference/metrics.md": metrics.page,
}


def pages() -> dict[str, bytes]:
    """{path below the site: content}."""
    written = {path.name: path.read_text() for path in DOCS.glob("*.md")}
    found = {name: _inside(text).encode() for name, text in written.items()}
    for name in _FROM_ROOT:
        text = (ROOT / name).read_text()
        found[name] = _FROM_ROOT_INWARD.sub("](", text).encode()
    for asset in DOCS.rglob("*"):
        if asset.suffix in _ASSETS:
            found[asset.relative_to(DOCS).as_posix()] = asset.read_bytes()
    return found | {name: make().encode() for name, make in REFERENCES.items()}


def _inside(text: str) -> str:
    """The page with its links to the clone's files as links of the site, or as names of files."""

    def leads(link: re.Match[str]) -> str:
        label, path, anchor = link.groups()
        if path in _FROM_ROOT:
            return f"[{label}]({path}{anchor or ''})"
        return label if path in label else f"{label} (`{Path(path)}`)"

    return _OUTWARD.sub(leads, text)
