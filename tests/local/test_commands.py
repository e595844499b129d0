"""`python -m batchgen.local`: errors come before anything starts, and codes are passed on."""

import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from batchgen.local import local_dir
from batchgen.local.__main__ import main
from batchgen.local.local_dir import ROOT
from tests.local.processes import eventually, is_alive

_RUN = [sys.executable, "-m", "batchgen.local", "run", "--"]


@pytest.fixture
def local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(local_dir, "LOCAL", tmp_path / ".local")
    return tmp_path / ".local"


@pytest.fixture
def busy_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.mark.parametrize("command", ["up", "demo"])
def test_a_busy_port_is_an_error_that_names_the_setting(
    command: str,
    local: Path,
    busy_port: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("BATCHGEN_PORT", str(busy_port))
    assert main([command]) == 1
    told = capsys.readouterr().out
    assert f"Port {busy_port} on 127.0.0.1 is in use. Set BATCHGEN_PORT to another one." in told
    assert list(local.iterdir()) == [local / "lock"], "nothing was started"


def test_a_busy_flower_port_names_its_own_setting(
    local: Path,
    busy_port: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("BATCHGEN_PORT", str(local_dir.free_port()))
    monkeypatch.setenv("BATCHGEN_FLOWER_PORT", str(busy_port))
    assert main(["up"]) == 1
    assert "Set BATCHGEN_FLOWER_PORT" in capsys.readouterr().out


@pytest.mark.parametrize(("command", "holder"), [("up", "demo"), ("demo", "up"), ("clean", "up")])
def test_one_command_at_a_time_in_a_clone(
    command: str, holder: str, local: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with local_dir.locked(f"make {holder}"):
        assert main([command]) == 1
    told = capsys.readouterr().out
    assert f"`make {holder}` (process {os.getpid()}) is running in this clone." in told


def test_nothing_is_managed_where_nothing_is_up(
    local: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["manage", "check"]) == 1
    with local_dir.locked("make up"), local_dir.servers_told({"REDIS_URL": "redis://h"}):
        assert stat.S_IMODE((local / "servers.json").stat().st_mode) == 0o600
        assert local_dir.servers_up() == {"REDIS_URL": "redis://h"}
        left = (local / "servers.json").read_text()
    (local / "servers.json").write_text(left)  # as by one that was killed
    assert main(["manage", "check"]) == 1
    told = "Nothing is up in this clone. Start `make up`, and do this beside it."
    assert capsys.readouterr().out.count(told) == 2


def test_a_bad_value_names_the_variable(
    local: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BATCHGEN_PORT", "eighty")
    assert main(["up"]) == 1
    assert "BATCHGEN_PORT must be a whole number, not 'eighty'." in capsys.readouterr().out


def test_kept_secrets_are_made_once_for_the_owner(local: Path) -> None:
    with local_dir.locked("make up"):
        text, fresh = local_dir.kept_secret("password")
        again = local_dir.kept_secret("password")
    assert fresh
    assert again == (text, False)
    assert stat.S_IMODE((local / "password").stat().st_mode) == 0o600


def test_clean_removes_the_directory_and_what_it_points_to(local: Path, tmp_path: Path) -> None:
    local.mkdir()
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "data").mkdir(parents=True)
    (local / "postgres").symlink_to(elsewhere)
    assert main(["clean"]) == 0
    assert not local.exists()
    assert not elsewhere.exists()


def _fresh_environment() -> dict[str, str]:
    unset = ("DATABASE_URL", "REDIS_URL", "HOME")
    return {name: value for name, value in os.environ.items() if name not in unset}


def test_run_gives_servers_and_passes_the_code_on() -> None:
    code = (
        "import os, sys, psycopg, redis\n"
        "psycopg.connect(os.environ['DATABASE_URL']).close()\n"
        "redis.Redis.from_url(os.environ['REDIS_URL']).ping()\n"
        "print('127.0.0.1' in os.environ['NO_PROXY'])\nsys.exit(7)"
    )
    argv = [*_RUN, sys.executable, "-c", code]
    done = subprocess.run(
        argv, cwd=ROOT, env=_fresh_environment(), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (7, "True\n", "")


@pytest.mark.skipif(sys.platform != "linux", reason="finds the processes in /proc")
def test_ctrl_c_leaves_no_process() -> None:
    code = "import os, time; print(os.environ['DATABASE_URL'], flush=True); time.sleep(60)"
    argv = [*_RUN, sys.executable, "-c", code]
    with subprocess.Popen(
        argv, cwd=ROOT, env=_fresh_environment(), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("postgresql://")
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        assert len(children) == 3, "PostgreSQL, Redis and the command"
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 130
    assert eventually(lambda: not any(is_alive(int(pid)) for pid in children))
