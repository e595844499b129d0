"""What the docs name is there: requests, commands, make targets, words on pages, tests."""

import re
from pathlib import Path

import pytest
import yaml
from django.core.management import get_commands

_ROOT = Path(__file__).resolve().parents[2]
#: The changelog tells of what was, too.
_PAGES = sorted([_ROOT / "README.md", _ROOT / "SECURITY.md", *_ROOT.glob("docs/*.md")])
#: Of trackers, of the simulator, and for the proxy alone: none of the API's.
_OF_OTHERS = ("/repos/", "/_sim/", "/internal/")
_DOCUMENT = yaml.load((_ROOT / "docs" / "openapi.yaml").read_text(), Loader=yaml.CSafeLoader)
_REQUEST = re.compile(r"`?\b(GET|POST|PATCH|PUT|DELETE) (?:/api/v1)?(/[\w{}/.-]+)")
_COMMAND = re.compile(r"\bmanage(?:\.py)? ([a-z_]+)\b")
_TARGET = re.compile(r"`make ([a-z-]+)")
_TARGETS = set(re.findall(r"^([a-z-]+):", (_ROOT / "Makefile").read_text(), re.MULTILINE))
_TEST_FILES = {path.name for path in (_ROOT / "tests").rglob("test_*.py")}
#: What people read on the pages: templates, and the words that views put there.
_SHOWN = "\n".join(
    path.read_text() for pattern in ("*.html", "*.py") for path in (_ROOT / "web").rglob(pattern)
)


def _shape(path: str) -> str:
    return re.sub(r"\{[^}]*\}", "{}", path.rstrip("/."))


_PATHS = {
    (method.upper(), _shape(path.removeprefix("/api/v1")))
    for path, item in _DOCUMENT["paths"].items()
    for method in item
}


@pytest.mark.parametrize("page", _PAGES, ids=lambda page: page.name)
def test_every_request_command_and_target_that_a_page_names_is_there(page: Path) -> None:
    text = page.read_text()
    asked = {
        (method, _shape(path))
        for method, path in _REQUEST.findall(text)
        if not path.startswith(_OF_OTHERS)
    }
    assert not asked - _PATHS
    assert not set(_COMMAND.findall(text)) - set(get_commands()) - {"help"}
    assert not set(_TARGET.findall(text)) - _TARGETS


@pytest.mark.parametrize("name", ["tutorial.md", "runs.md"])
def test_every_name_in_bold_stands_on_a_page(name: str) -> None:
    text = (_ROOT / "docs" / name).read_text()
    names = re.findall(r"\*\*([A-Z][^*]+)\*\*", text)
    assert len(names) > 2
    assert not [each for each in names if each not in _SHOWN]


@pytest.mark.parametrize("name", ["security.md", "threat-model.md"])
def test_every_test_that_holds_a_promise_exists(name: str) -> None:
    named = set(re.findall(r"\btest_\w+\.py", (_ROOT / "docs" / name).read_text()))
    assert len(named) > 20
    assert not named - _TEST_FILES
