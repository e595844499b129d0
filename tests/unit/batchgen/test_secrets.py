"""Secrets in the environment: in a variable, or in the file that its twin names."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from batchgen import env
from batchgen.local import stack
from batchgen.local.local_dir import ROOT

Patch = pytest.MonkeyPatch


@pytest.fixture
def file(tmp_path: Path, monkeypatch: Patch) -> Path:
    path = tmp_path / "secret"
    monkeypatch.setenv("A_SECRET_FILE", str(path))
    monkeypatch.delenv("A_SECRET", raising=False)
    return path


def test_a_secret_stands_in_a_file(file: Path) -> None:
    file.write_text("\ufeff s3cret é\n\n", encoding="utf-8")
    assert env.secret("A_SECRET", required=True) == "s3cret é"


def test_an_empty_variable_leaves_it_to_the_file(file: Path, monkeypatch: Patch) -> None:
    file.write_text("s3cret")
    monkeypatch.setenv("A_SECRET", "")
    assert env.secret("A_SECRET") == "s3cret"


def test_both_are_refused(file: Path, monkeypatch: Patch) -> None:
    file.write_text("one")
    monkeypatch.setenv("A_SECRET", "another")
    with pytest.raises(ImproperlyConfigured, match="A_SECRET or A_SECRET_FILE, not both"):
        env.secret("A_SECRET")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "No such file"),
        (b" \n", "is empty"),
        (b"\xff\xfe", "no text in UTF-8"),
        (b"x" * 100_001, "too long"),
    ],
)
def test_a_file_without_a_secret_is_named(file: Path, content: bytes | None, words: str) -> None:
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ImproperlyConfigured, match=f"A_SECRET_FILE: .*{words}"):
        env.secret("A_SECRET", default="another")


def test_a_file_that_cannot_be_read_is_named(file: Path) -> None:
    file.mkdir()
    with pytest.raises(ImproperlyConfigured, match=r"A_SECRET_FILE: .* cannot be read: Is a dir"):
        env.secret("A_SECRET")


def test_what_is_required_names_both(monkeypatch: Patch) -> None:
    monkeypatch.delenv("A_SECRET", raising=False)
    with pytest.raises(ImproperlyConfigured, match="A_SECRET is not set, nor is A_SECRET_FILE"):
        env.secret("A_SECRET", required=True)


def test_a_redis_url_that_cannot_be_served_stops_the_start(monkeypatch: Patch) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://:s3cr/et@cache")
    with pytest.raises(
        ImproperlyConfigured, match=r"REDIS_URL cannot be served\..*ercent-enc"
    ) as e:
        env.redis_url("REDIS_URL", password="", required=True, default="")
    assert "s3cr" not in str(e.value)
    monkeypatch.setenv("REDIS_URL", "rediss://cache?ssl_ca_certs=/none.pem")
    with pytest.raises(ImproperlyConfigured, match=r"/none\.pem cannot be read"):
        env.redis_url("REDIS_URL", password="", required=True, default="")


@pytest.mark.parametrize(
    ("given", "whole"),
    [
        ("postgresql://ada@db:5432/b", "postgresql://ada:p%40%2F%3F%25w@db:5432/b"),
        ("postgresql://h1,h2:5433/b?x=a@b", "postgresql://:p%40%2F%3F%25w@h1,h2:5433/b?x=a@b"),
        ("unix:///run/redis.sock?db=1", "unix://:p%40%2F%3F%25w@/run/redis.sock?db=1"),
    ],
)
def test_a_password_that_stands_apart_goes_into_the_address(
    given: str, whole: str, monkeypatch: Patch
) -> None:
    monkeypatch.setenv("A_URL", given)
    assert env.url("A_URL", password="") == given
    assert env.url("A_URL", password="p@/?%w") == whole


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("postgresql://ada:pw@db/b", "A_URL has a password, and A_PASSWORD is set"),
        ("redis://cache?db=1&password=pw", "A_URL has a password, and A_PASSWORD is set"),
        ("", "A_PASSWORD is set, so A_URL must be an address"),
        ("host=db password=pw", "A_PASSWORD is set, so A_URL must be an address"),
    ],
)
def test_two_passwords_are_refused(given: str, words: str, monkeypatch: Patch) -> None:
    monkeypatch.setenv("A_URL", given)
    with pytest.raises(ImproperlyConfigured, match=words) as refused:
        env.url("A_URL", password="s3cret")
    assert "s3cret" not in str(refused.value)
    assert "pw" not in str(refused.value)


def test_every_secret_of_the_settings_may_stand_in_a_file(tmp_path: Path) -> None:
    values = {
        "BATCHGEN_SECRET_KEY": "0123456789abcdefghijklmnopqrstuvwxyz-0123456789-abcdef",
        "DATABASE_URL": "postgresql://ada@db/batchgen",
        "DATABASE_PASSWORD": "of-the-database",
        "REDIS_URL": "redis://cache:6379/4",
        "REDIS_PASSWORD": "of-redis",
        "ANTHROPIC_API_KEY": "another-key",
        "BATCHGEN_METRICS_TOKEN": "of-prometheus",
        "FLOWER_BASIC_AUTH": "ada:of-flower",
        "AWS_SECRET_ACCESS_KEY": "of-the-storage",
        "AWS_SESSION_TOKEN": "of-its-session",
    }
    # Those of commands, which their own tests give.
    of_commands = {"ANTHROPIC_ADMIN_KEY", "BATCHGEN_MCP_TOKEN", "BATCHGEN_PASSWORD"}
    assert set(env.SECRETS) - values.keys() == of_commands
    environment = {name: value for name, value in os.environ.items() if name not in values}
    for name, value in values.items():
        (tmp_path / name).write_text(f"{value}\n")
        environment[f"{name}_FILE"] = str(tmp_path / name)
    found = {
        "SECRET_KEY": values["BATCHGEN_SECRET_KEY"],
        "DATABASE_URL": "postgresql://ada:of-the-database@db/batchgen",
        "REDIS_URL": "redis://:of-redis@cache:6379/4",
        "ANTHROPIC_API_KEY": "another-key",
        "METRICS_TOKEN": "of-prometheus",
        "FLOWER_BASIC_AUTH": "ada:of-flower",
        "AWS_SECRET_ACCESS_KEY": "of-the-storage",
        "AWS_SESSION_TOKEN": "of-its-session",
    }
    names = tuple(found)
    script = f"from batchgen import settings; print(*(getattr(settings, n) for n in {names}))"
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={**environment, "BATCHGEN_ENV": "production"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert dict(zip(names, done.stdout.split(), strict=True)) == found


def test_the_local_stack_reads_the_files(monkeypatch: Patch, tmp_path: Path) -> None:
    (tmp_path / "url").write_text("redis://cache")
    monkeypatch.delenv("REDIS_URL", raising=False)
    monkeypatch.setenv("REDIS_URL_FILE", str(tmp_path / "url"))
    (tmp_path / "password").write_text("of-redis")
    monkeypatch.setenv("REDIS_PASSWORD_FILE", str(tmp_path / "password"))
    environment = stack.base_environment()
    assert environment["REDIS_URL"] == "redis://:of-redis@cache"
    assert not {"REDIS_URL_FILE", "REDIS_PASSWORD_FILE", "REDIS_PASSWORD"} & environment.keys()
