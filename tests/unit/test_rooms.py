"""Rooms: what import-linter cannot see. docs/architecture.md says what each of them owns."""

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.apps import apps
from django.db.models import Model

_ROOT = Path(__file__).resolve().parents[2]
_LINTER = tomllib.loads((_ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
#: Packages that nothing of the product may import and that are in no layer.
_BESIDE = {"benchmarks", "handbook", "tests"}
#: From the bottom up, as far as models go.
_ROOMS = ("batchgen", "epics", "content", "runs", "workers")
_APPS = [room for room in _ROOMS if apps.is_installed(room)]

_MOST_LINES = 300
#: {path: why it is longer}.
_LONGER = {
    "batchgen/settings.py": "settings are flat and in one file, where operators look for them",
    "providers/errors.py": "the tree of errors is one table, read with its drawing",
}


def _modules() -> Iterator[Path]:
    for package in (*_LINTER["root_packages"], "benchmarks", "handbook"):
        yield from (_ROOT / package).rglob("*.py")


def _name(path: Path) -> str:
    return path.relative_to(_ROOT).as_posix()


def test_no_module_is_too_long_to_be_read_at_once() -> None:
    lines = {_name(path): len(path.read_text().splitlines()) for path in _modules()}
    long = {name for name, count in lines.items() if count > _MOST_LINES}
    assert {name for name in long if "/migrations/" not in name} == set(_LONGER)


def test_every_package_is_in_the_contracts() -> None:
    packages = {path.parent.name for path in _ROOT.glob("*/__init__.py")}
    assert set(_LINTER["root_packages"]) == packages - _BESIDE


def test_the_contract_of_the_rooms_names_each_of_batchgens() -> None:
    """Only a contract of one container can be exhaustive by itself."""
    layers = _LINTER["contracts"][0]["layers"]
    named = {name for layer in layers for name in layer.split(" : ") if "." in name}
    there = {path for path in (_ROOT / "batchgen").iterdir() if _is_module(path)}
    assert named == {f"batchgen.{path.stem}" for path in there}


def _is_module(path: Path) -> bool:
    return path.name != "__init__.py" and (path.suffix == ".py" or (path / "__init__.py").exists())


def _reverse_names(model: type[Model]) -> set[str]:
    """What rooms above may be reached by: the names that their keys to this model give it."""
    level = _APPS.index(model._meta.app_label)
    return {
        name
        for relation in model._meta.related_objects
        if relation.related_model._meta.app_label in _APPS[level + 1 :]
        for name in (relation.name, relation.get_accessor_name())
        if name
    }


def _words(path: Path) -> set[str]:
    """Attributes, arguments and whole texts in a module, each cut at `__`."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Attribute(attr=word) | ast.keyword(arg=str(word)) | ast.Constant(str(word)):
                found.update(word.split("__"))
    return found


@pytest.mark.parametrize("app", _APPS)
def test_no_room_reaches_upwards_by_the_name_of_a_relation(app: str) -> None:
    """`project.runs` in the backlog would be an import that the linter does not see."""
    names = {
        name for model in apps.get_app_config(app).get_models() for name in _reverse_names(model)
    }
    for path in (_ROOT / app).rglob("*.py"):
        if "migrations" not in path.parts:
            assert not names & _words(path), _name(path)


def test_the_stories_are_their_folder_and_a_line_of_the_registry() -> None:
    """Whatever else names them, to the API's promises: the runs' JSON and its options."""
    promised = {"runs/api/run_input.py", "runs/api/run_output.py", "runs/management"}
    rooms = [_ROOT / room for room in ("content", "runs", "workers", "limiter", "providers")]
    naming = {
        _name(path)
        for room in rooms
        for path in room.rglob("*.py")
        if "content.stories" in path.read_text() and "content/stories" not in path.as_posix()
    }
    assert {name for name in naming if not name.startswith(tuple(promised))} == {
        "content/registry.py"
    }
