"""`demo` and `up` as a user meets them: in a copy of the tree, as processes."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from batchgen.local.place import ROOT, free_port
from tests.local.processes import eventually

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

_ROOMS = ("batchgen", "epics", "quality", "runs", "workers", "simulator", "web")
_OURS = re.compile(r"^(DATABASE_URL|REDIS_URL|HOME|DJANGO_|ANTHROPIC_|BATCHGEN_)")


@pytest.fixture
def clone(tmp_path: Path) -> Iterator[Path]:
    """A copy without `.local`; what it kept, wherever that is, goes at the end."""
    copy = tmp_path / "A clone"
    for room in (ROOT / name for name in _ROOMS if (ROOT / name).exists()):
        shutil.copytree(room, copy / room.name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "manage.py", copy)
    yield copy
    subprocess.run([sys.executable, "-m", "batchgen.local", "clean"], cwd=copy, check=True)
    assert not (copy / ".local").exists()


@pytest.fixture
def environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not _OURS.match(name)}
    ports = {"BATCHGEN_PORT": str(free_port()), "BATCHGEN_FLOWER_PORT": str(free_port())}
    return kept | ports | {"FLOWER_UNAUTHENTICATED_API": "true"}


def processes_in(directory: Path) -> list[int]:
    """The processes that work in the directory, or have it in their command line (Linux)."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            line = (entry / "cmdline").read_bytes().decode(errors="replace")
            place = (entry / "cwd").readlink()
        except OSError:
            continue
        if str(directory) in line or place.is_relative_to(directory):
            found.append(int(entry.name))
    return found


def read_until_up(process: "subprocess.Popen[str]") -> str:
    """What it says, up to the line that tells how to stop."""
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if re.match(r"\s+Stop\s+Ctrl-C", line):
            return said
    pytest.fail(f"it ended before it was up:\n{said}")


def ask_addresses(environment: dict[str, str]) -> None:
    """The web's, and Flower's, which sees tasks only if the workers do as it asks (here beat's)."""
    web = f"http://127.0.0.1:{environment['BATCHGEN_PORT']}"
    flower = f"http://127.0.0.1:{environment['BATCHGEN_FLOWER_PORT']}"
    with httpx2.Client(trust_env=False, timeout=10) as client:
        for path in ("healthz", "readyz", "api/docs", "admin/login/"):
            assert client.get(f"{web}/{path}").status_code == 200, path
        assert client.get(f"{flower}/", follow_redirects=True).status_code == 200
        assert eventually(lambda: bool(client.get(f"{flower}/api/tasks").json()), within_s=30)


def run_up(clone: Path, environment: dict[str, str]) -> str:
    """Bring it up, ask the addresses, press Ctrl-C, and return all it said."""
    argv = [sys.executable, "-m", "batchgen.local", "up"]
    with subprocess.Popen(
        argv,
        cwd=clone,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            said = read_until_up(process)
            ask_addresses(environment)
        finally:
            process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=60)
        assert process.returncode == 0, rest
    assert eventually(lambda: not processes_in(clone))
    return said + rest


def test_demo_generates_stories_and_leaves_nothing_running(
    clone: Path, environment: dict[str, str]
) -> None:
    argv = [sys.executable, "-m", "batchgen.local", "demo"]
    done = subprocess.run(
        argv, cwd=clone, env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the built-in simulator answers" in done.stdout
    assert "Everything is stopped again" in done.stdout
    assert not processes_in(clone)


def test_up_serves_until_ctrl_c_and_keeps_its_sign_in(
    clone: Path, environment: dict[str, str]
) -> None:
    first = run_up(clone, environment)
    password = (clone / ".local" / "password").read_text().strip()
    assert f"demo / {password}" in first
    assert "Traceback" not in first
    second = run_up(clone, environment)
    assert password not in second
    assert ".local/password" in second
