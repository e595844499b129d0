"""Behind a real nginx, configured as docs/proxies.md says: TLS, a sub-path, streams, uploads."""

import json
import re
import shutil
import subprocess
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx2
import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client

from batchgen.local import stack
from batchgen.local.child import Child, answers
from batchgen.local.local_dir import free_port
from batchgen.local.supervisor import Supervisor
from batchgen.local.terminal import LogFiles
from runs.models import Run
from tests import nginx
from tests.acceptance.fleet import database_url
from tests.acceptance.live.watcher import Parser
from tests.acceptance.live.web import Web
from tests.factories import backlog_document, user_make
from tests.integration.engine.world import World

pytestmark = [pytest.mark.django_db(transaction=True)]

WEB = {
    "BATCHGEN_ROOT_PATH": "/batchgen",
    "BATCHGEN_TRUSTED_PROXIES": "127.0.0.1",
    "BATCHGEN_ALLOWED_HOSTS": "app.example.com",
    "BATCHGEN_SSL_REDIRECT": "1",
    "BATCHGEN_HSTS_S": "60",
    "BATCHGEN_SIGN_IN_TRIES": "3",
}
FLOWER = "/batchgen/ops/flower/"
FLOWER_SIGN_IN = "operator:of-flower"
OPENSSL = shutil.which("openssl")


@dataclass
class Proxied:
    """A web process behind nginx."""

    web: Web
    port: int
    supervisor: Supervisor
    flower_port: int

    def client(self, address: str = "127.0.0.1", **options: Any) -> httpx2.Client:
        """Somebody at that address of this machine, who knows the host by its name."""
        transport = httpx2.HTTPTransport(verify=False, local_address=address)
        url = f"https://127.0.0.1:{self.port}"
        headers = {"host": f"app.example.com:{self.port}", **options.pop("headers", {})}
        return httpx2.Client(base_url=url, transport=transport, headers=headers, timeout=20)

    @property
    def origin(self) -> str:
        """As a browser names it."""
        return f"https://app.example.com:{self.port}"

    def session(self, user: User) -> httpx2.Client:
        """A browser in which the user signed in to the admin."""
        signed_in = Client()
        signed_in.force_login(user)
        cookie = signed_in.cookies[settings.SESSION_COOKIE_NAME].value
        return self.client(headers={"cookie": f"{settings.SESSION_COOKIE_NAME}={cookie}"})

    def user(self) -> httpx2.Client:
        """The owner of the project, by token."""
        return self.client(headers={"authorization": f"bearer {self.web.token()}"})


@pytest.fixture
def proxied(web: Web, tmp_path: Path) -> Iterator[Proxied]:
    if nginx.PROGRAM is None or OPENSSL is None:
        pytest.skip("needs nginx and openssl: apt-get install nginx-light openssl")
    port = free_port()
    logs = LogFiles(tmp_path / "nginx-log")
    with Supervisor(logs.line, signals=False) as supervisor:
        flower_port = free_port()
        supervisor.start(proxy(tmp_path, port, web, flower_port))
        yield Proxied(web, port, supervisor, flower_port)
    logs.close()


def proxy(home: Path, port: int, web: Web, flower_port: int) -> Child:
    """nginx with the documented server, at another port and with a certificate of its own."""
    certificate, key = home / "cert.pem", home / "key.pem"
    argv = [str(OPENSSL), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    argv += ["-nodes", "-subj", "/CN=app.example.com", "-out", str(certificate)]
    subprocess.run([*argv, "-keyout", str(key)], check=True, capture_output=True)
    server, of_flower = nginx.documented("nginx")
    server = f"{server.rstrip().removesuffix('}')}{of_flower}}}"
    for documented, here in {
        "listen 443": f"listen 127.0.0.1:{port}",
        "/etc/ssl/app.example.com.pem": str(certificate),
        "/etc/ssl/app.example.com.key": str(key),
        "http://127.0.0.1:8000": web.url,
        "http://127.0.0.1:5555": f"http://127.0.0.1:{flower_port}",
        "BASE64-OF-FLOWER_BASIC_AUTH": b64encode(FLOWER_SIGN_IN.encode()).decode(),
    }.items():
        assert documented in server, documented
        server = server.replace(documented, here)
    return nginx.nginx(home, server, address="127.0.0.1", port=port)


def test_pages_files_and_the_api_work_by_tls_under_a_path(proxied: Proxied) -> None:
    with proxied.client() as client:
        assert client.get("/batchgen/").headers["location"] == "/batchgen/sign-in/?next=/batchgen/"
        docs = client.get("/batchgen/api/docs")
        assert docs.headers["strict-transport-security"] == "max-age=60"
        for address in re.findall(r'(?:href|src)="(/[^"]+)"', docs.text):
            assert client.get(address.replace("&amp;", "&")).status_code == 200, address
        assert client.get("/batchgen/api/schema").json()["servers"] == [{"url": "/batchgen"}]
        assert client.get("/batchgen/metrics").status_code == 404
        other = client.get("/batchgen/api/v1/projects", headers={"host": "evil.example"})
        assert other.json()["error"]["code"] == "HOST_NOT_ALLOWED"


def test_the_admin_lets_somebody_in_by_a_form(proxied: Proxied) -> None:
    user_make("operator", is_staff=True, is_superuser=True)
    with proxied.client() as client:
        page = client.get("/batchgen/admin/login/?next=/batchgen/admin/")
        [token] = re.findall(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
        form = {"username": "operator", "password": "secret", "csrfmiddlewaretoken": token}
        form["next"] = "/batchgen/admin/"
        origin = proxied.origin
        headers = {"origin": origin, "referer": f"{origin}/batchgen/admin/login/"}
        # The jar knows the connection's address, not the host's name.
        headers["cookie"] = f"csrftoken={page.cookies['csrftoken']}"
        answer = client.post("/batchgen/admin/login/", data=form, headers=headers)
    assert (answer.status_code, answer.headers["location"]) == (302, "/batchgen/admin/")
    cookies = answer.headers.get_list("set-cookie")
    assert all("Path=/batchgen" in cookie for cookie in cookies)
    assert len(cookies) == 2


def test_wrong_passwords_of_one_address_do_not_count_for_another(proxied: Proxied) -> None:
    def tries(client: httpx2.Client, password: str) -> int:
        body = {"username": "operator", "password": password}
        return client.post("/batchgen/api/v1/auth/token", json=body).status_code

    user_make("operator")
    claimed = {"x-forwarded-for": "203.0.113.5"}
    with proxied.client("127.0.0.2", headers=claimed) as stranger:
        assert [tries(stranger, "wrong") for _ in range(4)] == [401, 401, 401, 429]
    with proxied.client("127.0.0.3", headers=claimed) as other:
        assert tries(other, "secret") == 200


def test_a_stream_passes_as_it_comes(proxied: Proxied, world: World) -> None:
    run: Run = world.run
    parser, path = Parser(), f"/batchgen/api/v1/runs/{run.id}/events"
    with proxied.user() as client, client.stream("GET", path) as stream:
        lines = stream.iter_lines()
        assert next(m for line in lines if (m := parser.take(line))).name
        paused = client.post(f"/batchgen/api/v1/runs/{run.id}/pause", json={})
        assert paused.status_code == 200
        told = (m for line in lines if (m := parser.take(line)) and m.name == "run")
        assert next(m for m in told if m.data["status"] == "PAUSED")


@pytest.fixture
def flower(proxied: Proxied) -> Proxied:
    """With Flower beside it, which is for staff."""
    environment = {
        **stack.base_environment(),
        "DATABASE_URL": database_url(),
        "FLOWER_BASIC_AUTH": FLOWER_SIGN_IN,
        "BATCHGEN_ALLOWED_HOSTS": "app.example.com",
    }
    port = proxied.flower_port
    usual = stack.flower(environment, port)
    argv = [*usual.argv, f"--url-prefix={FLOWER.strip('/')}"]
    ready = answers(f"http://127.0.0.1:{port}{FLOWER}healthcheck")
    proxied.supervisor.start(replace(usual, argv=argv, ready=ready))
    return proxied


def test_flower_is_for_staff_of_the_admin_as_long_as_they_are(flower: Proxied) -> None:
    operator = user_make("operator", is_staff=True)
    with flower.client() as stranger:
        answer = stranger.get(FLOWER)
        sign_in = f"/batchgen/admin/login/?next={FLOWER}"
        assert (answer.status_code, answer.headers["location"].endswith(sign_in)) == (302, True)
        assert stranger.get("/batchgen/internal/staff").status_code == 404
        basic = {"authorization": f"Basic {b64encode(FLOWER_SIGN_IN.encode()).decode()}"}
        assert stranger.get(FLOWER, headers=basic).status_code == 302
    with flower.session(user_make()) as nobody:
        assert nobody.get(FLOWER).status_code == 403
    with flower.session(operator) as browser:
        page = browser.get(FLOWER)
        assert (page.status_code, f"{FLOWER}static/" in page.text) == (200, True)
        shut_down = f"{FLOWER}api/worker/shutdown/none"
        own, foreign = {"origin": flower.origin}, {"origin": "https://evil.example"}
        assert browser.post(shut_down, headers=own).status_code == 404  # there is no such worker
        assert browser.post(shut_down, headers=foreign).status_code == 403
        User.objects.filter(pk=operator.pk).update(is_staff=False)
        assert browser.get(FLOWER).status_code == 403


def test_uploads_arrive_whole_or_are_refused_by_batchgen(proxied: Proxied) -> None:
    document = backlog_document(epics=20, cards=100)
    document["project"]["context"] = "x" * 20_000
    with proxied.user() as client:
        path = "/batchgen/api/v1/projects/import"
        imported = client.post(path, json=document)
        assert imported.json()["data"]["cardCount"] == 2000
        chunks, json_ = iter([json.dumps(document).encode()]), {"content-type": "application/json"}
        assert client.post(path, content=chunks, headers=json_).status_code == 201
        large = client.post(path, content=b" " * (settings.MAX_BODY_BYTES + 1))
        assert (large.status_code, large.json()["error"]["code"]) == (413, "PAYLOAD_TOO_LARGE")
