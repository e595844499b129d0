"""A run from the image's own web and worker, set up as compose says, behind nginx, to its stop."""

import json
import os
import secrets
import shutil
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
from psycopg.conninfo import conninfo_to_dict

from batchgen.local.child import Child, Running, answers, logged
from batchgen.local.local_dir import ROOT, free_port
from batchgen.local.supervisor import Supervisor
from batchgen.local.terminal import LogFiles
from tests.acceptance.fleet import wait_for
from tests.certificates import Certificates, certificates
from tests.conftest import Simulator
from tests.factories import backlog_document
from tests.image.containers import Image, Services
from tests.relay import relayed

NGINX = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
USER, PASSWORD = "ada", f"of-ada-{secrets.token_hex(8)}"
_ENDED = {"SUCCEEDED", "PARTIAL", "FAILED", "CANCELLED"}


@dataclass
class Stack:
    """What a test of it needs."""

    services: Services
    #: Makes one that runs what it is told until the end of the test.
    supervise: Callable[[], Supervisor]
    #: By what stands for it in docker-compose.yml.
    ports: dict[str, int]

    def start(self, child: Child) -> Running:
        """Start it, under a supervisor of its own: another one may end meanwhile."""
        return self.supervise().start(child)

    def run(self, name: str, *argv: str, **more: str) -> list[str]:
        """The lines of a command in a service."""
        child = self.services.child(name, list(argv), more=more)
        return list(self.supervise().run(child).lines)

    def is_healthy(self, name: str) -> bool:
        """By its own health check."""
        return self.supervise().run(self.services.health(name), checked=False).code() == 0

    def url(self, port: str, path: str) -> str:
        """Where a service is asked past the proxy."""
        return f"http://127.0.0.1:{self.ports[port]}{path}"


@pytest.fixture
def stack(image: Image, simulator: Simulator, tmp_path: Path) -> Iterator[Stack]:
    simulator.reset()
    database = conninfo_to_dict(os.environ["BATCHGEN_TEST_SERVER_URL"])
    redis = urlsplit(os.environ["REDIS_URL"])
    kept = {
        "secret_key": secrets.token_urlsafe(50),
        "postgres_password": f"of-postgres-{secrets.token_hex(8)}",
        "provider_key": f"of-the-provider-{secrets.token_hex(8)}",
        "flower_basic_auth": f"flower:of-flower-{secrets.token_hex(8)}",
        "redis_password": str(redis.password),
        "password": PASSWORD,
    }
    folder, exports = tmp_path / "secrets", tmp_path / "exports"
    for path in (folder, exports):
        path.mkdir()
    for name, value in kept.items():
        (folder / name).write_text(f"{value}\n")
    user, _, group = image.user.partition(":")
    os.chown(exports, int(user), int(group))
    ports = {port: free_port() for port in ("8000", "9464", "5555")}
    with ExitStack() as opened:
        host, port = str(database["host"]), int(database.get("port") or 5432)
        postgres = opened.enter_context(relayed(host, port))
        logs = LogFiles(tmp_path / "log")
        opened.callback(logs.close)
        services = Services(
            image,
            secrets=folder,
            exports=exports,
            variables={
                "ANTHROPIC_BASE_URL": simulator.url,
                "BATCHGEN_PROVIDER_NAME": "simulator",
                "BATCHGEN_TRUSTED_PROXIES": "127.0.0.1",
                "REDIS_PASSWORD": kept["redis_password"],
            },
            here={
                "@postgres:5432": f"@127.0.0.1:{postgres.port}",
                "redis://redis:6379": f"redis://{redis.username}@127.0.0.1:{redis.port}",
                "0.0.0.0": "127.0.0.1",  # noqa: S104 - this machine's network is theirs
                **{text: str(number) for text, number in ports.items()},
            },
        )

        def supervise() -> Supervisor:
            return running.enter_context(Supervisor(logs.line, signals=False))

        with ExitStack() as running:
            yield Stack(services, supervise, ports)
        shown = "".join(path.read_text() for path in (tmp_path / "log").glob("*"))
        assert "batchgen" in shown
        assert not [name for name, value in kept.items() if value in shown]


@pytest.fixture
def proxy(stack: Stack, tmp_path: Path) -> Callable[[], httpx2.Client]:
    """Starts compose's nginx; a client of it."""

    def start() -> httpx2.Client:
        if NGINX is None:
            pytest.skip("needs nginx: apt-get install nginx-light")
        made, plain, tls = certificates(tmp_path / "tls"), free_port(), free_port()
        stack.start(nginx(stack, tmp_path, made, plain, tls))
        context = ssl.create_default_context(cafile=str(made.ca))
        moved = httpx2.get(f"http://127.0.0.1:{plain}/runs/", trust_env=False)
        assert (moved.status_code, moved.headers["Location"]) == (301, "https://127.0.0.1/runs/")
        base = f"https://127.0.0.1:{tls}"
        return httpx2.Client(base_url=base, verify=context, trust_env=False, timeout=20)

    return start


def nginx(stack: Stack, home: Path, made: Certificates, plain: int, tls: int) -> Child:
    """deploy/nginx.conf with the ports and files of this test."""
    text = (ROOT / "deploy" / "nginx.conf").read_text()
    here = {
        "/tmp/": f"{home}/",  # noqa: S108 - nginx's own
        "/etc/nginx/tls/fullchain.pem": str(made.server),
        "/etc/nginx/tls/privkey.pem": str(made.server),
        "listen 8080": f"listen 127.0.0.1:{plain}",
        "listen 8443": f"listen 127.0.0.1:{tls}",
        "web:8000": f"127.0.0.1:{stack.ports['8000']}",
    }
    for there, local in here.items():
        assert there in text
        text = text.replace(there, local)
    (home / "nginx.conf").write_text(text)
    argv = [str(NGINX), "-c", str(home / "nginx.conf"), "-g", "daemon off; user root;"]

    def listens(_: Running) -> bool:
        with httpx2.Client(trust_env=False) as client:
            try:
                return client.get(f"http://127.0.0.1:{plain}/").status_code == 301
            except httpx2.HTTPError:
                return False

    return Child(name="nginx", argv=argv, ready=listens)


def told(answer: httpx2.Response) -> Any:
    assert answer.is_success, answer.text
    return answer.json()["data"]


@dataclass
class Run:
    """A new run, as the API tells of it."""

    client: httpx2.Client
    id: str

    @classmethod
    def start(cls, client: httpx2.Client, project: str, **body: Any) -> "Run":
        """Of all epics of a project."""
        answer = client.post(f"/api/v1/projects/{project}/runs", json=body)
        return cls(client, told(answer)["runId"])

    def shown(self) -> Any:
        """The run itself."""
        return told(self.client.get(f"/api/v1/runs/{self.id}"))

    def statuses(self) -> set[str]:
        """Of its epics."""
        return {each["status"] for each in told(self.client.get(f"/api/v1/runs/{self.id}/epics"))}


def test_a_run_as_compose_sets_it_up(
    stack: Stack, proxy: Callable[[], httpx2.Client], simulator: Simulator
) -> None:
    stack.run("migrate", *stack.services.services["migrate"]["command"])
    stack.run("web", "python", "manage.py", "check", "--deploy", "--fail-level", "ERROR")
    user = {"BATCHGEN_USER": USER, "BATCHGEN_PASSWORD": PASSWORD}
    stack.run("web", "python", "manage.py", "ensure_superuser", **user)
    assert_read_only(stack)

    start = stack.start
    web = start(stack.services.service("web", ready=answers(stack.url("8000", "/healthz"))))
    worker = start(stack.services.service("worker", ready=answers(stack.url("9464", "/readyz"))))
    start(stack.services.service("beat", ready=logged("beat: Starting")))
    start(stack.services.service("flower", ready=answers(stack.url("5555", "/healthcheck"))))
    for name in ("web", "worker", "flower"):
        assert stack.is_healthy(name), name
    flower = stack.url("5555", "/api/workers")
    assert httpx2.get(flower, trust_env=False).status_code == 401
    sign_in = httpx2.BasicAuth(*stack.services.secret("flower_basic_auth").split(":"))
    assert httpx2.get(flower, auth=sign_in, trust_env=False).status_code == 200

    with proxy() as client:
        signed_in = told(
            client.post("/api/v1/auth/token", json={"username": USER, "password": PASSWORD})
        )
        client.headers["Authorization"] = f"Bearer {signed_in['access']}"
        assert client.get("/metrics").status_code == 404
        document = backlog_document(epics=3)
        project = told(client.post("/api/v1/projects/import", json=document))["projectId"]
        run = Run.start(client, project, pacingProfile="adaptive", maxConcurrency=3)
        wait_for(lambda: run.shown()["status"] in _ENDED, "the run ended")
        assert (run.shown()["status"], run.shown()["completedEpics"]) == ("SUCCEEDED", 3)
        assert told(client.get(f"/api/v1/projects/{project}/stories"))
        found = json.loads("\n".join(stack.run("web", "python", "manage.py", "doctor", "--json")))
        assert found["errors"] == 0

        simulator.config(latency_ms=3_000)
        run = Run.start(client, project, pacingProfile="adaptive", maxConcurrency=1)
        wait_for(lambda: "GENERATING" in run.statuses(), "a call has begun")
        worker.process.send_signal(worker.child.stop_signal)
        wait_for(lambda: worker.code() is not None, "the worker stopped")
        assert worker.code() == 0
        assert run.statuses() == {"COMPLETED", "PENDING"}, "the call that had begun was finished"
    web.process.send_signal(web.child.stop_signal)
    wait_for(lambda: web.code() is not None, "web stopped")
    assert not stack.is_healthy("web")


def assert_read_only(stack: Stack) -> None:
    """Who runs in it may write to memory and to the volume, and to nothing else."""
    script = """
        for folder in / /app /app/batchgen /venv/bin /etc /usr/bin /run/secrets; do
            touch "$folder/x" 2>/dev/null && echo "wrote to $folder"
        done
        touch /tmp/x /exports/x && rm /exports/x && id -u
        grep -E 'CapEff|NoNewPrivs' /proc/self/status
    """
    lines = stack.run("web", "sh", "-c", script)
    assert [line.split() for line in lines] == [
        [stack.services.image.user.partition(":")[0]],
        ["CapEff:", "0000000000000000"],
        ["NoNewPrivs:", "1"],
    ]
