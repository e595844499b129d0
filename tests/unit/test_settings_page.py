"""docs/settings.md names every setting, with the default and the range that the program has."""

import ast
import re
from collections.abc import Iterator

import yaml

from batchgen import env
from batchgen.local.local_dir import ROOT

PAGE = (ROOT / "docs" / "settings.md").read_text()
COMPOSE = (ROOT / "docker-compose.yml").read_text()
ROOMS = ("batchgen", "epics", "runs", "workers", "simulator", "quality")
#: In compose a worker's stop is bounded by `stop_grace_period`; the others are compose's own.
FIXED_IN_COMPOSE = {"BATCHGEN_STOP_GRACE_S"}


def rows() -> dict[str, list[str]]:
    """{variable: default, range, meaning}"""
    cells = [line.strip("| ").split(" | ") for line in PAGE.splitlines() if line.startswith("| `")]
    return {first.split("`")[1]: rest for first, *rest in cells}


def reads(source: str) -> Iterator[ast.Call]:
    """The calls of `env` that name a variable."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id="env")),
                args=[ast.Constant(value=str(name)), *_],
            ) if name.isupper():
                yield node


def name_of(call: ast.Call) -> str:
    return str(ast.literal_eval(call.args[0]))


SETTINGS = list(reads((ROOT / "batchgen" / "settings.py").read_text()))
ELSEWHERE = {
    name_of(call): call
    for room in ROOMS
    for path in (ROOT / room).rglob("*.py")
    if path.name != "settings.py" or room != "batchgen"
    for call in reads(path.read_text())
}


def test_the_page_names_what_is_read_and_nothing_else() -> None:
    read = {name_of(call) for call in SETTINGS} | set(ELSEWHERE)
    compose_alone = set(re.findall(r"(?<!\$)\$\{([A-Z_]+)", COMPOSE)) - read
    assert len(read) > 50
    assert set(rows()) == read | compose_alone


def test_nothing_reads_the_environment_but_by_the_readers_of_env() -> None:
    direct = re.compile(r"""environ(?:\.get\(|\[)\s*["'](BATCHGEN|ANTHROPIC|DATABASE|REDIS)_""")
    sources = [path for room in ROOMS for path in (ROOT / room).rglob("*.py")]
    assert not [path for path in sources if direct.search(path.read_text())]


def test_numbers_have_their_defaults_and_ranges() -> None:
    compared = 0
    for call in SETTINGS:
        assert isinstance(call.func, ast.Attribute)
        if call.func.attr not in {"integer", "number"}:
            continue
        limits = {each.arg: ast.literal_eval(each.value) for each in call.keywords}
        least, most = limits.get("least", 0), limits.get("most")
        range_ = f"{least} or more" if most is None else f"{least} to {most}"
        default, shown, _ = rows()[name_of(call)]
        assert shown == range_, name_of(call)
        match call.args[1]:
            case ast.IfExp(body=ast.Constant(value=there), orelse=ast.Constant(value=here)):
                assert default == f"{here!r}; production: {there!r}"
            case constant:
                assert default == str(ast.literal_eval(constant)), name_of(call)
        compared += 1
    assert compared > 25


def test_words_have_their_defaults_and_choices() -> None:
    for call in SETTINGS:
        assert isinstance(call.func, ast.Attribute)
        default, shown, *_ = rows()[name_of(call)]
        if call.func.attr == "choice":
            assert set(shown.split(", ")) == set(ast.literal_eval(call.args[2])), name_of(call)
        if call.func.attr in {"choice", "text"} and isinstance(call.args[-1], ast.Constant):
            kept = call.args[1] if len(call.args) > 1 else None
            if isinstance(kept, ast.Constant):
                assert default == kept.value, name_of(call)


def test_secrets_are_marked() -> None:
    secrets = {name for name in rows() if f"`{name}` 🔑" in PAGE}
    assert secrets == set(env.SECRETS)


def test_what_others_than_the_settings_read_is_known_to_be_ours() -> None:
    names = {name for name in ELSEWHERE if name.startswith("BATCHGEN_")}
    read = {name_of(call) for call in SETTINGS}
    files = {f"{name}_FILE" for name in names & set(env.SECRETS)}
    assert (names | files) - read == env.ELSEWHERE


def test_compose_passes_every_setting_on() -> None:
    services = yaml.safe_load(COMPOSE)["services"]
    given = {name for service in services.values() for name in service.get("environment", ())}
    passed = {name.removesuffix("_FILE") for name in given}
    read = {name_of(call) for call in SETTINGS}
    assert read - passed == FIXED_IN_COMPOSE
