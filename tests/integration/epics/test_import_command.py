"""`manage.py import_backlog`, `load_sample` and `ensure_superuser`."""

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from epics.models import Card, Project
from tests.factories import backlog_document, user_make

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> tuple[str, str, str]:
    """stdout, stderr and the final error of import_backlog."""
    out, err, final = io.StringIO(), io.StringIO(), ""
    try:
        call_command("import_backlog", *arguments, stdout=out, stderr=err)
    except CommandError as error:
        final = str(error)
    return out.getvalue(), err.getvalue(), final


@pytest.fixture
def demo(monkeypatch: pytest.MonkeyPatch) -> User:
    monkeypatch.delenv("BATCHGEN_USER", raising=False)
    return user_make("demo")


@pytest.fixture
def good(tmp_path: Path) -> Path:
    file = tmp_path / "good.json"
    file.write_text(json.dumps(backlog_document()))
    return file


def test_each_file_becomes_a_project(demo: User, good: Path) -> None:
    out, err, final = run(str(good), str(good))
    assert (err, final) == ("", "")
    projects = Project.objects.order_by("created_at")
    assert out.splitlines() == [f"project {p.pk} Tides: 6 cards, 2 epics" for p in projects]
    assert {project.created_by for project in projects} == {demo}


def test_the_owner_is_named(good: Path) -> None:
    owner = user_make("other")
    run(str(good), "--owner", "other")
    assert Project.objects.get().created_by == owner


def test_without_the_owner_nothing_happens(good: Path) -> None:
    assert "ensure_superuser" in run(str(good), "--owner", "nobody")[2]
    assert not Project.objects.exists()


def test_standard_input(demo: User, good: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(good.read_bytes())))
    assert run("-")[0].startswith("project ")


def test_a_bad_file_does_not_stop_the_others(demo: User, good: Path, tmp_path: Path) -> None:
    out, err, final = run(str(tmp_path / "gone.json"), str(good))
    assert out.startswith("project ")
    assert err == f"{tmp_path / 'gone.json'}: It cannot be read: No such file or directory.\n"
    assert final == "1 of 2 files not imported."


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"", "It is empty."),
        ("{}".encode("utf-16"), "UTF-16"),
        ('{"é": 1}'.encode("latin-1"), "not UTF-8: byte 3"),
        (b'{"project": {"name": "Tid', "ends in the middle (line 1"),
        (b"code,title\nC1,x\n", "not JSON"),
        (b"\x00\x01\x02\xff", "not UTF-8"),
        (b'{"project": {"name": "a\\u0000"}}', "project.name contains a NUL"),
    ],
)
def test_a_bad_file_is_told_in_one_line(
    demo: User, tmp_path: Path, content: bytes, part: str
) -> None:
    file = tmp_path / "bad.json"
    file.write_bytes(content)
    out, err, final = run(str(file))
    assert out == ""
    assert err.startswith(f"{file}: ")
    assert err.count("\n") == 1
    assert part in err
    assert final
    assert not Project.objects.exists()


def test_a_directory_and_fifty_megabytes(demo: User, tmp_path: Path) -> None:
    large = tmp_path / "large.json"
    with large.open("wb") as opened:
        opened.truncate(50_000_000)
    _, err, _ = run(str(tmp_path), str(large))
    first, second = err.splitlines()
    assert first == f"{tmp_path}: It cannot be read: Is a directory."
    assert "larger than 10.0 MB" in second
    assert "BATCHGEN_MAX_BODY_BYTES" in second


def test_the_problems_of_a_backlog_are_listed(demo: User, tmp_path: Path) -> None:
    document = backlog_document()
    document["epics"][1]["cards"].append("C99")
    document["cards"][0]["title"] = ""
    file = tmp_path / "bad.json"
    file.write_text(json.dumps(document))
    _, err, _ = run(str(file))
    assert err.splitlines() == [
        f"{file}: The backlog was not imported. It has 2 problems.",
        "  cards[0].title: This must not be blank.",
        "  epics[1].cards[3]: There is no card with the code C99.",
    ]
    assert not Card.objects.exists()


def test_the_sample_is_loaded_once(demo: User) -> None:
    outputs = []
    for _ in range(2):
        out = io.StringIO()
        call_command("load_sample", stdout=out)
        outputs.append(out.getvalue().splitlines()[-1])
    assert outputs == [f"project {Project.objects.get().pk}"] * 2


def test_ensure_superuser_creates_then_updates(monkeypatch: pytest.MonkeyPatch) -> None:
    def ensure(**environment: str) -> str:
        for name in ("BATCHGEN_USER", "BATCHGEN_PASSWORD"):
            monkeypatch.delenv(name, raising=False)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        out = io.StringIO()
        call_command("ensure_superuser", stdout=out)
        return out.getvalue()

    def user() -> Any:
        return User.objects.get(username="ann")

    with pytest.raises(CommandError, match="BATCHGEN_PASSWORD"):
        ensure(BATCHGEN_USER="ann")
    assert "one-1" not in ensure(BATCHGEN_USER="ann", BATCHGEN_PASSWORD="one-1")
    assert user().is_superuser
    ensure(BATCHGEN_USER="ann", BATCHGEN_PASSWORD="two-2")
    assert user().check_password("two-2")
    ensure(BATCHGEN_USER="ann")
    assert user().check_password("two-2")
