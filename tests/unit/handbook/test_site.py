"""The documentation's site: whole, without dead links, and without a word to anybody else."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import handbook.__main__ as building
from handbook.assembly import REFERENCES, pages
from handbook.references import api

_LOOKS = Path(building.__file__).parent
_NAV = tomllib.loads((_LOOKS / "zensical.toml").read_text())["project"]["nav"]
#: What a browser fetches by itself, as links that a reader follows are not.
_FETCHES = re.compile(
    r"<(?:script|link|img|iframe|source|video|audio|embed)\b[^>]*?"
    r"\b(?:src|href|srcset|data)=[\"']?((?:https?:)?//[^\"' >]+)"
)
_STYLE_FETCHES = re.compile(r"(?:url\(|@import\s*)[\"']?((?:https?:)?//[^\"')]+)")
#: Has the theme's script fetch a library of others.
_WANTS_A_LIBRARY = re.compile(r'class="[^"]*\b(?:mermaid|glightbox|pyodide)\b')


def _named(nav: Any) -> Iterator[str]:
    match nav:
        case str():
            yield nav
        case dict():
            for each in nav.values():
                yield from _named(each)
        case list():
            for each in nav:
                yield from _named(each)


@pytest.fixture(scope="module")
def sources() -> dict[str, bytes]:
    """What it is made of."""
    return pages()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """It, built as `make docs` builds it, in a folder of its own."""
    folder = tmp_path_factory.mktemp("handbook")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(building, "WORKSHOP", folder / "handbook")
        patch.setattr(building, "SITE", folder / "site")
        assert building.build() == 0
        yield folder / "site"


def test_every_page_is_in_the_navigation_once_and_is_there(
    site: Path, sources: dict[str, bytes]
) -> None:
    named = list(_named(_NAV))
    written = {name for name in sources if name.endswith(".md")}
    assert len(named) == len(set(named))
    assert set(named) == written
    built = {path.relative_to(site).with_suffix(".md").as_posix() for path in site.rglob("*.html")}
    assert built - {"404.md"} == written


def test_no_page_fetches_anything_from_elsewhere(site: Path) -> None:
    for path in site.rglob("*.html"):
        page = path.read_text()
        assert not _FETCHES.findall(page), path.name
        assert not _WANTS_A_LIBRARY.search(page), path.name
        assert "default-src 'self'" in page, path.name
    for path in site.rglob("*.css"):
        assert not _STYLE_FETCHES.findall(path.read_text()), path.name


def test_what_would_fetch_is_seen() -> None:
    assert _FETCHES.findall('<script async src="https://a.example/x.js">')
    assert _FETCHES.findall('<link rel="stylesheet" href=//a.example/x.css>')
    assert not _FETCHES.findall('<a href="https://a.example/">')
    assert _STYLE_FETCHES.findall("@font-face{src:url(https://a.example/x.woff2)}")


def test_a_dead_link_and_a_dead_anchor_end_the_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    broken = {"index.md": b"# Home\n\n[page](none.md), [anchor](#none), [home](#home)\n"}
    monkeypatch.setattr(building, "pages", lambda: broken)
    monkeypatch.setattr(building, "WORKSHOP", tmp_path / "handbook")
    monkeypatch.setattr(building, "SITE", tmp_path / "site")
    assert building.build() != 0
    assert "2 issues found" in "".join(capfd.readouterr())
    assert not (tmp_path / "site").exists()


def test_the_references_have_all_there_is(sources: dict[str, bytes]) -> None:
    made = {name: sources[name].decode() for name in REFERENCES}
    shown = "".join(text for name, text in made.items() if name.startswith("reference/api/"))
    for method, path, _ in api.operations():
        assert f"```http\n{method} {path}\n```" in shown
    for name in ("doctor", "generate", "run", "webhook_receiver"):
        assert f"\n## {name}\n" in made["reference/commands.md"]
    for code in ("NOT_FOUND", "UNAUTHORIZED", "QUOTA_REACHED"):
        assert f"| `{code}` |" in made["reference/error-codes.md"]
    for name in ("batchgen_epics_total", "batchgen_up", "batchgen_limiter_wait_seconds"):
        assert f"| `{name}` |" in made["reference/metrics.md"]


def test_no_page_leads_out_of_the_site(sources: dict[str, bytes]) -> None:
    top = [name for name in sources if name.endswith(".md") and "/" not in name]
    assert not [name for name in top if b"](../" in sources[name]]
