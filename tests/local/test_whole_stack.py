"""`demo` and `up` as a user meets them: in a copy of the tree, as processes."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from standardwebhooks import Webhook as Verifier

from batchgen.local.local_dir import ROOT, free_port
from tests.integration.webhooks.receiver import Receiver, receiving
from tests.local.processes import eventually

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

_BESIDE = {"benchmarks", "handbook", "tests"}
_ROOMS = sorted({path.parent.name for path in ROOT.glob("*/__init__.py")} - _BESIDE)
_OURS = re.compile(r"^(DATABASE_URL|REDIS_URL|HOME|DJANGO_|ANTHROPIC_|BATCHGEN_)")


@pytest.fixture
def clone(tmp_path: Path) -> Iterator[Path]:
    """A copy without `.local`; what it kept, wherever that is, goes at the end."""
    copy = tmp_path / "A clone"
    for room in _ROOMS:
        shutil.copytree(ROOT / room, copy / room, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "manage.py", copy)
    yield copy
    subprocess.run([sys.executable, "-m", "batchgen.local", "clean"], cwd=copy, check=True)
    assert not (copy / ".local").exists()


@pytest.fixture
def environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not _OURS.match(name)}
    ports = {"BATCHGEN_PORT": str(free_port()), "BATCHGEN_FLOWER_PORT": str(free_port())}
    return kept | ports


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


def ask_addresses(environment: dict[str, str], sign_in: tuple[str, str]) -> None:
    """The web's, and Flower's, which sees tasks only if the workers do as it asks."""
    web = f"http://127.0.0.1:{environment['BATCHGEN_PORT']}"
    flower = f"http://127.0.0.1:{environment['BATCHGEN_FLOWER_PORT']}"
    with httpx2.Client(trust_env=False, timeout=10) as client:
        for path in ("healthz", "readyz", "api/docs", "admin/login/"):
            assert client.get(f"{web}/{path}").status_code == 200, path
        for path in ("", "api/tasks", "metrics", "static/js/flower.js", "none"):
            assert client.get(f"{flower}/{path}").status_code == 401, path
            foreign = client.get(f"{flower}/{path}", auth=sign_in, headers={"Host": "a.example"})
            assert foreign.status_code == 400, path
        for header in ("Basic", "Basic %%%", "Basic w6nDqTrDqQ==", f"Bearer {sign_in[1]}"):
            wrong = client.get(f"{flower}/", headers={"Authorization": header})
            assert wrong.status_code == 401, header
        client.auth = sign_in
        assert client.get(f"{flower}/", follow_redirects=True).status_code == 200
        assert eventually(lambda: is_task_seen(client, flower), within_s=30)


def is_task_seen(client: httpx2.Client, flower: str) -> bool:
    """Whether Flower tells of the tasks that it sends: its workers hear only after a while that it
    wants to know."""
    sent = client.post(f"{flower}/api/task/send-task/workers.reconcile", json={})
    assert sent.status_code == 200
    return bool(client.get(f"{flower}/api/tasks").json())


def flower_sign_in(clone: Path) -> tuple[str, str]:
    """What `make up` made, and told once."""
    return "flower", (clone / ".local" / "flower-password").read_text().strip()


def started_up(clone: Path, environment: dict[str, str]) -> "subprocess.Popen[str]":
    """`make up`, with all that it says in a pipe."""
    return subprocess.Popen(
        [sys.executable, "-m", "batchgen.local", "up"],
        cwd=clone,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def ask_commands(clone: Path, environment: dict[str, str]) -> None:
    """A command of manage.py finds the servers by itself, and passes its code on."""
    for words, code in ((("doctor", "provider", "database"), 0), (("run", "show", "none"), 1)):
        argv = [sys.executable, "-m", "batchgen.local", "manage", *words]
        done = subprocess.run(
            argv, cwd=clone, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == code, done.stdout + done.stderr


def sends_to(receiver: Receiver) -> dict[str, str]:
    """Settings of who may send webhooks there."""
    return {
        "BATCHGEN_WEBHOOK_HTTP": "1",
        "BATCHGEN_WEBHOOK_NETWORKS": "127.0.0.1/32",
        "BATCHGEN_WEBHOOK_PORTS": str(receiver.port),
    }


def have_a_webhook_sent(clone: Path, environment: dict[str, str], receiver: Receiver) -> None:
    """By who is up; it is signed as its receiver was told."""
    password = (clone / ".local" / "password").read_text().strip()
    url = f"http://127.0.0.1:{environment['BATCHGEN_PORT']}/api/v1/"
    with httpx2.Client(trust_env=False, timeout=20, base_url=url) as client:

        def post(path: str, **body: object) -> dict[str, Any]:
            answer = client.post(path, json=body)
            assert answer.is_success, answer.text
            return dict(answer.json()["data"])

        token = post("auth/token", username="demo", password=password)["access"]
        client.headers["Authorization"] = f"Bearer {token}"
        project = post("projects", name="Tides")
        path = f"projects/{project['id']}/webhooks"
        hook = post(path, url=receiver.url, events=["run.ended"])
        post(f"webhooks/{hook['id']}/test")
        assert eventually(lambda: bool(receiver.came), within_s=30)
        (came,) = receiver.came
        assert Verifier(hook["secret"]).verify(came.body, came.headers)["type"] == "webhook.test"


@contextmanager
def up(clone: Path, environment: dict[str, str]) -> Iterator[list[str]]:
    """It is up until the context ends by Ctrl-C; what it says before, and in the end all."""
    with started_up(clone, environment) as process:
        said = []
        try:
            said.append(read_until_up(process))
            yield said
        finally:
            process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=60)
        said.append(rest)
        assert process.returncode == 0, rest
    assert eventually(lambda: not processes_in(clone))


def test_demo_generates_stories_and_leaves_nothing_running(
    clone: Path, environment: dict[str, str]
) -> None:
    argv = [sys.executable, "-m", "batchgen.local", "demo"]
    done = subprocess.run(
        argv, cwd=clone, env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the built-in simulator answers" in done.stdout
    assert "Everything is stopped again" in done.stdout
    assert not processes_in(clone)


#: Who runs, and which of the secrets below it was given.
GIVEN: dict[str, set[str]] = {
    "-m batchgen.web": {"secret key", "redis", "provider", "metrics"},
    "batchgen worker": {"secret key", "redis", "provider"},
    "batchgen beat": {"redis"},
    "batchgen flower": {"redis", "flower"},
    "redis-server": set(),
    "/bin/postgres": set(),
}
PAGES = ("", "workers", "tasks", "broker", "api/workers", "api/queues/length", "metrics")


def secrets_of(clone: Path, environment: dict[str, str]) -> dict[str, str]:
    """All that this `make up` keeps to itself, made or given."""
    local = clone / ".local"
    configuration = (local / "redis" / "redis.conf").read_text()
    stack, batchgen = re.findall(r"^user (?:stack|batchgen) on >(\S+)", configuration, re.MULTILINE)
    return {
        "secret key": (local / "secret-key").read_text().strip(),
        "flower": flower_sign_in(clone)[1],
        "redis": batchgen,
        "redis of the stack": stack,
        "provider": environment["ANTHROPIC_API_KEY"],
        "metrics": environment["BATCHGEN_METRICS_TOKEN"],
        "password": (local / "password").read_text().strip(),
    }


def found_in(text: str, secrets: dict[str, str]) -> set[str]:
    return {name for name, secret in secrets.items() if secret in text}


def file_of(pid: int, name: str) -> str:
    return Path(f"/proc/{pid}/{name}").read_bytes().replace(b"\0", b" ").decode(errors="replace")


def guess_from_everywhere(environment: dict[str, str]) -> None:
    """Who claims another address with each wrong password is one address all the same."""
    url = f"http://127.0.0.1:{environment['BATCHGEN_PORT']}/api/v1/auth/token"
    body = {"username": "demo", "password": "wrong"}
    with httpx2.Client(trust_env=False, timeout=20) as client:
        answers = [
            client.post(url, json=body, headers={name: f"10.1.1.{i}"}).status_code
            for i in range(6)
            for name in ("X-Forwarded-For", "X-Real-IP")
        ]
    assert answers[0] == 401
    assert answers[-1] == 429


def ask_everything(environment: dict[str, str], clone: Path, worker: int) -> str:
    """Every page of Flower and of the web process, and what the worker says of its settings."""
    web = f"http://127.0.0.1:{environment['BATCHGEN_PORT']}"
    flower = f"http://127.0.0.1:{environment['BATCHGEN_FLOWER_PORT']}"
    said = []
    with httpx2.Client(trust_env=False, timeout=20, follow_redirects=True) as client:
        paths = ("healthz", "readyz", "api/docs", "api/schema", "admin/login/", "none")
        said += [client.get(f"{web}/{path}").text for path in paths]
        bearer = {"Authorization": f"Bearer {environment['BATCHGEN_METRICS_TOKEN']}"}
        assert "batchgen_" in client.get(f"{web}/metrics", headers=bearer).text
        said.append(client.get(f"{web}/metrics", headers=bearer).text)
        client.auth = flower_sign_in(clone)
        names: list[str] = []
        refresh = {"refresh": "1"}

        def knows_the_worker() -> bool:
            names[:] = client.get(f"{flower}/api/workers", params=refresh).json()
            return len(names) == 1

        assert eventually(knows_the_worker, within_s=30)
        said += [client.get(f"{flower}/{page}").text for page in PAGES]
        said += [client.get(f"{flower}/worker/{name}").text for name in names]
    own = dict(
        line.split("=", 1) for line in Path(f"/proc/{worker}/environ").read_text().split("\0")[:-1]
    )
    for command in ("conf", "stats", "report"):
        argv = [sys.executable, "-m", "celery", "-A", "batchgen", "inspect", command]
        done = subprocess.run(argv, cwd=clone, env=own, capture_output=True, text=True, check=True)
        assert "OK" in done.stdout, command
        said.append(done.stdout + done.stderr)
    return "\n".join(said)


def test_up_serves_until_ctrl_c_and_shows_and_gives_no_secret_but_where_it_is_needed(
    clone: Path, environment: dict[str, str]
) -> None:
    with receiving() as receiver, up(clone, environment | sends_to(receiver)) as said:
        sign_in = flower_sign_in(clone)
        ask_addresses(environment, sign_in)
        ask_commands(clone, environment)
        have_a_webhook_sent(clone, environment, receiver)
    first = "".join(said)
    password = (clone / ".local" / "password").read_text().strip()
    assert f"demo / {password}" in first
    assert " / ".join(sign_in) in first
    assert "Traceback" not in first

    environment |= {
        "ANTHROPIC_API_KEY": "sk-only-for-whom-it-is",
        "ANTHROPIC_BASE_URL": "http://127.0.0.1:9",
        "BATCHGEN_METRICS_TOKEN": "metrics-only-for-whom-it-is",
    }
    with up(clone, environment) as said:
        secrets = secrets_of(clone, environment)
        assert (secrets["password"], secrets["flower"]) == (password, sign_in[1]), "kept"
        shown = ask_who_has(secrets, clone, environment)
    assert ".local/password" in said[0]
    assert found_in(shown + "".join(said), secrets) == set(), "made ones are shown once"


def ask_who_has(secrets: dict[str, str], clone: Path, environment: dict[str, str]) -> str:
    """Each process has what it was to be given; what they and their pages show."""
    if sys.platform != "linux":
        return ""  # environments are in /proc
    running = {pid: file_of(pid, "cmdline") for pid in processes_in(clone)}
    pids = {who: [p for p, line in running.items() if who in line] for who in GIVEN}
    assert all(pids[who] for who in GIVEN if who not in ("redis-server", "/bin/postgres"))
    for who, given in GIVEN.items():
        for pid in pids[who]:
            assert found_in(file_of(pid, "environ"), secrets) == given, who
    guess_from_everywhere(environment)
    pages = ask_everything(environment, clone, pids["batchgen worker"][0])
    return "\n".join([*running.values(), pages])
