"""What docs/architecture.md, extending.md and glossary.md name is there."""

import re
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[2]
_ARCHITECTURE = (_ROOT / "docs" / "architecture.md").read_text()
_GLOSSARY = (_ROOT / "docs" / "glossary.md").read_text()
_EXTENDING = (_ROOT / "docs" / "extending.md").read_text()
_PATH = re.compile(r"`((?:\w+/)+[\w.]*)`")
_CODE = "\n".join(
    path.read_text()
    for room in ("batchgen", "content", "limiter", "providers", "runs", "workers")
    for path in (_ROOT / room).rglob("*.py")
)


def _questions() -> list[str]:
    table = _ARCHITECTURE.partition("## Where is …")[2].partition("\n## ")[0]
    return [line for line in table.splitlines() if line.startswith(("| w", "| h"))]


@pytest.mark.parametrize("path", sorted(set(_PATH.findall(_ARCHITECTURE + _GLOSSARY + _EXTENDING))))
def test_every_file_that_is_named_exists(path: str) -> None:
    if "NAME" in path or path.startswith(("runs_", "GET")):
        return
    found = [_ROOT / path, *_ROOT.glob(f"*/{path}"), *_ROOT.glob(f"*/*/{path}")]
    assert any(each.exists() for each in found)


@pytest.mark.parametrize("path", re.findall(r"-d @(\S+)", (_ROOT / "README.md").read_text()))
def test_every_file_that_the_readme_sends_exists(path: str) -> None:
    assert (_ROOT / path).is_file()


_PAGES = [*_ROOT.glob("*.md"), *_ROOT.glob("docs/*.md")]
_LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)]*))?\)")


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each.lower()).strip().replace(" ", "-") for each in headings}


@pytest.mark.parametrize("page", _PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for path, anchor in _LINK.findall(page.read_text()):
        target = page.parent / path if path else page
        assert target.exists(), path
        assert not anchor or anchor in _anchors(target), f"{path}#{anchor}"


def test_seven_questions_are_answered() -> None:
    assert len(_questions()) == 7
    assert all(_PATH.search(line) for line in _questions())


@pytest.mark.parametrize("section", _EXTENDING.split("\n## ")[1:])
def test_what_is_added_touches_three_files_at_most_and_a_test_says_so(section: str) -> None:
    steps = "".join(re.findall(r"^(?:\d\.|   ).*\n", section, re.MULTILINE))
    changed = {path for path in _PATH.findall(steps) if (_ROOT / path).is_file()}
    assert len(changed) <= 3
    assert "tests/" in section or "as above" in section


@pytest.mark.parametrize(
    "name", sorted(set(re.findall(r"`([A-Za-z]\w+)(?:\.\w+)?` ?[|,]", _GLOSSARY)))
)
def test_every_name_in_the_glossary_exists(name: str) -> None:
    assert re.search(rf"\b(?:class|def) {name}\b|^\s*{name}(?:: .+)? = ", _CODE, re.MULTILINE)


def test_the_glossary_has_each_word_once() -> None:
    words = re.findall(r"^\| ([^|]+) \|", _GLOSSARY, re.MULTILINE)[2:]
    assert len(words) == len(set(words)) >= 30
