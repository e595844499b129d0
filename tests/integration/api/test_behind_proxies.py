"""The whole application as it stands behind a proxy: probes, strangers, TLS and a sub-path."""

import asyncio
import re
from collections.abc import Iterator
from ipaddress import ip_network
from typing import Any

import httpx2
import pytest
from django.conf import settings as configured
from django.core.checks import run_checks
from django.test import Client
from django.urls import set_script_prefix
from pytest_django.fixtures import Settings

from batchgen.asgi import Handler
from batchgen.http.body_limit import BodyLimit
from batchgen.http.proxies import Proxies
from tests.factories import project_make, user_make

pytestmark = pytest.mark.django_db(transaction=True)

PROXY, STRANGER, CLIENT = "10.0.0.2", "9.9.9.9", "203.0.113.5"


@pytest.fixture(autouse=True)
def behind_a_proxy(settings: Settings) -> Iterator[None]:
    settings.ALLOWED_HOSTS = ["app.example.com"]
    settings.TRUSTED_PROXIES = [ip_network("10.0.0.0/8")]
    yield
    set_script_prefix("/")


def ask(
    path: str,
    *,
    peer: str = PROXY,
    method: str = "GET",
    base: str = "http://app.example.com",
    **options: Any,
) -> httpx2.Response:
    """One request; the middleware reads the settings anew."""

    async def asked() -> httpx2.Response:
        transport = httpx2.ASGITransport(Proxies(BodyLimit(Handler())), client=(peer, 5000))
        async with httpx2.AsyncClient(transport=transport, base_url=base) as client:
            return await client.request(method, path, **options)

    return asyncio.run(asked())


def sign_in(name: str, password: str, *, address: str, peer: str = PROXY) -> int:
    answer = ask(
        "/api/v1/auth/token",
        method="POST",
        peer=peer,
        json={"username": name, "password": password},
        headers={"x-forwarded-for": address},
    )
    return answer.status_code


# Probes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
@pytest.mark.parametrize("host", ["10.0.3.17:8000", "web:8000", "[fd00::3]", ""])
def test_probes_ask_by_any_name_and_without_tls(path: str, host: str, settings: Settings) -> None:
    settings.SECURE_SSL_REDIRECT = True
    settings.REQUESTS_PER_MINUTE = 1
    for _ in range(2):
        answer = Client().get(path, headers={"host": host})
        assert answer.status_code == (503 if path == "/readyz" else 200)
        assert not answer.cookies


def test_a_page_whose_name_leads_here_reads_no_metrics(settings: Settings) -> None:
    headers = {"host": "evil.example:8000"}
    assert Client().get("/metrics", headers=headers).status_code == 404
    settings.METRICS_TOKEN = "a-token"
    headers["authorization"] = "Bearer a-token"
    assert Client().get("/metrics", headers=headers).status_code == 200


def test_a_page_of_another_name_or_without_tls_is_not_served(settings: Settings) -> None:
    assert Client().get("/admin/", headers={"host": "web:8000"}).status_code == 400
    configured.SECURE_SSL_REDIRECT = True
    answer = Client().get("/healthz/x", headers={"host": "app.example.com"})
    assert answer.status_code in {301, 404}


# Strangers --------------------------------------------------------------------------------------


def test_a_strangers_wrong_passwords_lock_out_the_stranger_alone() -> None:
    user_make("ada")
    for _ in range(configured.SIGN_IN_TRIES):
        assert sign_in("ada", "wrong", address=f"1.2.3.4, {STRANGER}") == 401
    assert sign_in("ada", "secret", address=f"5.6.7.8, {STRANGER}") == 429
    assert sign_in("ada", "secret", address=CLIENT) == 200


def test_who_is_no_proxy_cannot_take_another_address_for_each_try() -> None:
    user_make("ada")
    for number in range(configured.SIGN_IN_TRIES):
        assert sign_in("ada", "wrong", address=f"1.2.3.{number}", peer=STRANGER) == 401
    assert sign_in("ada", "secret", address="8.8.8.8", peer=STRANGER) == 429


# The metrics ------------------------------------------------------------------------------------


def test_metrics_are_for_who_asks_from_inside_and_directly() -> None:
    assert ask("/metrics", peer="192.168.0.9").status_code == 200
    assert ask("/metrics", peer="127.0.0.1").status_code == 200
    assert ask("/metrics", peer=STRANGER).status_code == 404
    assert ask("/metrics", peer=PROXY).status_code == 404  # and no header says so
    forwarded = {"x-real-ip": "192.168.0.9"}
    assert ask("/metrics", peer="192.168.0.9", headers=forwarded).status_code == 404


def test_with_a_token_metrics_are_for_who_brings_it(settings: Settings) -> None:
    settings.METRICS_TOKEN = "a-token-of-some-length"
    for authorization, status in (
        ("Bearer a-token-of-some-length", 200),
        ("bearer  a-token-of-some-length", 200),
        ("Bearer another", 404),
        ("Bearer \xff", 404),
        ("Bearer", 404),
        ("", 404),
    ):
        headers = {"authorization": authorization.encode("latin-1")}
        for peer in ("127.0.0.1", STRANGER, PROXY):
            assert ask("/metrics", peer=peer, headers=headers).status_code == status


# TLS ----------------------------------------------------------------------------------------------


def test_tls_at_the_proxy_is_tls(settings: Settings) -> None:
    settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_HSTS_SECONDS = 60
    tls = {"x-forwarded-proto": "HTTPS"}
    answer = ask("/api/v1/projects", headers=tls)
    assert (answer.status_code, answer.headers["strict-transport-security"]) == (401, "max-age=60")
    for plain in (ask("/api/v1/projects"), ask("/api/v1/projects", peer=STRANGER, headers=tls)):
        assert plain.status_code == 301
        assert plain.headers["location"] == "https://app.example.com/api/v1/projects"


def test_subdomains_and_preload_are_left_to_who_owns_them() -> None:
    assert not configured.SECURE_HSTS_INCLUDE_SUBDOMAINS
    assert not configured.SECURE_HSTS_PRELOAD
    found = {message.id for message in run_checks(include_deployment_checks=True)}
    assert not {"security.W005", "security.W021"} & found


# A sub-path ---------------------------------------------------------------------------------------


@pytest.fixture(params=["taken off", "left"])
def prefix(request: pytest.FixtureRequest, settings: Settings) -> str:
    """What the proxy leaves of the prefix."""
    settings.ROOT_PATH = "/app"
    return "" if request.param == "taken off" else "/app"


@pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume")  # WhiteNoise's files
def test_pages_files_and_redirects_stand_under_the_prefix(prefix: str, settings: Settings) -> None:
    assert ask(f"{prefix}/").headers["location"] == "/app/sign-in/?next=/app/"
    login = ask(f"{prefix}/admin/").headers["location"]
    assert login == "/app/admin/login/?next=/app/admin/"
    docs = ask(f"{prefix}/api/docs").text
    addresses = re.findall(r'(?:href|src)="(/[^"]+)"', docs)
    assert len(addresses) >= 4
    for address in addresses:
        assert address.startswith("/app/")
        inside = prefix + address.removeprefix("/app").replace("&amp;", "&")
        found = ask(inside, method="HEAD")
        assert found.status_code == 200, address
    settings.SECURE_SSL_REDIRECT = True
    assert (
        ask(f"{prefix}/admin/?a=b").headers["location"] == "https://app.example.com/app/admin/?a=b"
    )


def test_the_api_and_its_document_stand_under_the_prefix(prefix: str) -> None:
    project = project_make(user_make("ada"))
    tokens = ask(
        f"{prefix}/api/v1/auth/token",
        method="POST",
        json={"username": project.created_by.username, "password": "secret"},
    ).json()["data"]
    signed_in = {"authorization": f"Bearer {tokens['access']}"}
    found = ask(f"{prefix}/api/v1/projects", headers=signed_in)
    assert [each["name"] for each in found.json()["data"]] == [project.name]
    assert found.headers["cache-control"] == "no-store"
    schema = ask(f"{prefix}/api/schema").json()
    assert schema["servers"] == [{"url": "/app"}]
    assert "/api/v1/projects" in schema["paths"]
    missing = ask(f"{prefix}/api/v1/projects/")
    assert missing.json()["error"]["code"] == "NOT_FOUND"
    assert ask(f"{prefix}/healthz").status_code == 200


def test_without_a_prefix_the_document_names_no_server() -> None:
    assert "servers" not in ask("/api/schema").json()
