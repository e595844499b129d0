"""Proxies are believed where they are trusted, and nobody else is."""

import asyncio
import logging
from ipaddress import ip_network
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import RequestFactory
from pytest_django.fixtures import Settings

from batchgen import env
from batchgen.http.proxies import Proxies, address_of, is_proxied

STRANGER, PROXY, OUTER, CLIENT = "198.51.100.7", "10.0.0.2", "10.1.0.9", "203.0.113.5"


@pytest.fixture(autouse=True)
def trusted(settings: Settings) -> None:
    settings.TRUSTED_PROXIES = [ip_network("10.0.0.0/8"), ip_network("fd00::/8")]
    settings.ROOT_PATH = ""


def seen(
    peer: str | None = PROXY, path: str = "/", root_path: str = "", **headers: str | list[str]
) -> dict[str, Any]:
    """The scope that the application gets."""
    scopes = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        scopes.append(scope)

    lines = [
        (name.replace("_", "-").encode(), value.encode())
        for name, values in headers.items()
        for value in ([values] if isinstance(values, str) else values)
    ]
    scope = {
        "type": "http",
        "headers": lines,
        "client": None if peer is None else (peer, 5000),
        "scheme": "http",
        "path": path,
        "root_path": root_path,
    }
    asyncio.run(Proxies(app)(scope, None, None))
    return dict(scopes[0])


def client(forwarded_for: str | list[str], peer: str | None = PROXY) -> str:
    return str(seen(peer, x_forwarded_for=forwarded_for)["client"][0])


@pytest.mark.parametrize(
    ("forwarded_for", "expected"),
    [
        (CLIENT, CLIENT),
        (f"1.2.3.4, {CLIENT}", CLIENT),
        (f"1.2.3.4,{CLIENT},{OUTER}", CLIENT),
        (f"10.9.9.9, {CLIENT}, {OUTER}", CLIENT),
        ([f"1.2.3.4, {CLIENT}", OUTER], CLIENT),
        (f"{OUTER}, 10.1.1.1", OUTER),
        (f"{CLIENT}:4711", CLIENT),
        ("2001:db8::1", "2001:db8::1"),
        ("[2001:db8::1]:4711", "2001:db8::1"),
        (f"::ffff:{CLIENT}", CLIENT),
        (f"{CLIENT}, fd00::2", CLIENT),
        (f"{CLIENT}, unknown", PROXY),
        (f"{CLIENT}, unknown, {OUTER}", OUTER),
        ("nonsense", PROXY),
        ("", PROXY),
        (" , ", PROXY),
    ],
)
def test_the_client_is_the_first_from_the_right_that_is_no_proxy(
    forwarded_for: str | list[str], expected: str
) -> None:
    assert client(forwarded_for) == expected


@pytest.mark.parametrize("peer", [STRANGER, "2001:db8::9", "not-an-address", None])
def test_who_is_not_trusted_is_not_believed(peer: str | None) -> None:
    found = seen(peer, x_forwarded_for=CLIENT, x_forwarded_proto="https", forwarded=f"for={CLIENT}")
    assert found["client"] == (None if peer is None else (peer, 5000))
    assert found["scheme"] == "http"


def test_nobody_is_trusted_by_default(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BATCHGEN_TRUSTED_PROXIES", raising=False)
    settings.TRUSTED_PROXIES = env.networks("BATCHGEN_TRUSTED_PROXIES")
    assert client(CLIENT, "127.0.0.1") == "127.0.0.1"


@pytest.mark.parametrize("peer", [STRANGER, PROXY, None])
def test_where_every_peer_is_trusted_its_own_word_counts_and_no_other(
    peer: str | None, settings: Settings
) -> None:
    settings.TRUSTED_PROXIES = None
    assert client(f"1.2.3.4, {CLIENT}", peer) == CLIENT
    assert client(f"{CLIENT}, {OUTER}", peer) == OUTER


@pytest.mark.parametrize("given", ["https", "HTTPS", " Https ", "https,http", "https, http", "wss"])
def test_tls_outside_is_tls(given: str) -> None:
    assert seen(x_forwarded_proto=given)["scheme"] == "https"


@pytest.mark.parametrize("given", ["http", "http, https", "", "ftp", "on"])
def test_anything_else_is_not(given: str) -> None:
    assert seen(x_forwarded_proto=given)["scheme"] == "http"


@pytest.mark.parametrize(
    ("forwarded", "client", "scheme"),
    [
        (f"for={CLIENT}", CLIENT, "http"),
        (f'For="{CLIENT}:4711";Proto=HTTPS;by={PROXY}', CLIENT, "https"),
        (f'proto=https;for="[2001:db8::1]:80", for={OUTER};proto=http', "2001:db8::1", "https"),
        (f"for=1.2.3.4, for={CLIENT}, for={OUTER}", CLIENT, "http"),
        ("for=_hidden", PROXY, "http"),
        ("x-for=1.2.3.4", PROXY, "http"),
    ],
)
def test_the_standard_header_is_read(forwarded: str, client: str, scheme: str) -> None:
    found = seen(forwarded=forwarded)
    assert (found["client"][0], found["scheme"]) == (client, scheme)


def test_beside_the_usual_headers_the_standard_one_may_be_the_clients() -> None:
    found = seen(x_forwarded_for=CLIENT, forwarded="for=1.2.3.4;proto=https")
    assert (found["client"][0], found["scheme"]) == (CLIENT, "http")


def test_a_proxy_that_is_not_trusted_is_told_to_the_operator_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING):
        seen(STRANGER)
        assert not caplog.records
        seen(STRANGER, x_forwarded_for=CLIENT)
    assert "BATCHGEN_TRUSTED_PROXIES" in caplog.text
    assert STRANGER in caplog.text


# The path ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/docs", "/app/docs"])
def test_a_proxy_may_take_the_prefix_off_or_leave_it(path: str, settings: Settings) -> None:
    settings.ROOT_PATH = "/app"
    found = seen(path=path)
    assert (found["root_path"], found["path"]) == ("/app", "/app/docs")
    # As uvicorn has it, told `--root-path /app`: it puts the prefix before whatever came.
    for root in ("/app", ""):
        settings.ROOT_PATH = root
        found = seen(path=f"/app{path}", root_path="/app")
        assert (found["root_path"], found["path"]) == ("/app", "/app/docs")


@pytest.mark.parametrize(
    ("path", "expected"), [("/app", "/app/"), ("/", "/app/"), ("/apple", "/app/apple")]
)
def test_the_prefix_is_whole_parts_of_the_path(
    path: str, expected: str, settings: Settings
) -> None:
    settings.ROOT_PATH = "/app"
    assert seen(path=path)["path"] == expected


# The settings -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "networks"),
    [
        ("", []),
        ("10.0.0.1", ["10.0.0.1/32"]),
        (" 10.1.2.3/8 , 'fd00::/8',", ["10.0.0.0/8", "fd00::/8"]),
        ("*", None),
        ("10.0.0.1, *", None),
        ("0.0.0.0/0", None),
    ],
)
def test_trusted_proxies(
    text: str, networks: list[str] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BATCHGEN_TRUSTED_PROXIES", text)
    found = env.networks("BATCHGEN_TRUSTED_PROXIES")
    assert (found if found is None else [str(each) for each in found]) == networks


@pytest.mark.parametrize("text", ["localhost", "10.0.0", "10.0.0.0/33", "10.*"])
def test_what_is_no_network_stops_the_start(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BATCHGEN_TRUSTED_PROXIES", text)
    with pytest.raises(ImproperlyConfigured, match="BATCHGEN_TRUSTED_PROXIES must have addresses"):
        env.networks("BATCHGEN_TRUSTED_PROXIES")


@pytest.mark.parametrize(
    ("text", "path"),
    [("", ""), ("/", ""), ("app", "/app"), ("/a/b/", "/a/b"), ("/a-b.c", "/a-b.c")],
)
def test_root_path(text: str, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BATCHGEN_ROOT_PATH", text)
    assert env.url_path("BATCHGEN_ROOT_PATH", taken=("api",)) == path


@pytest.mark.parametrize("text", ["/a b", "https://a", "/..", "/a//b", "/ä", "/api", "api/x"])
def test_what_is_no_root_path_stops_the_start(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BATCHGEN_ROOT_PATH", text)
    with pytest.raises(ImproperlyConfigured, match="BATCHGEN_ROOT_PATH"):
        env.url_path("BATCHGEN_ROOT_PATH", taken=("api",))


# Marks of a proxy -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "header",
    [
        "X-Forwarded-For",
        "x-forwarded-host",
        "Forwarded",
        "X-Real-IP",
        "Via",
        "CF-Connecting-IP",
        "True-Client-IP",
        "X-Client-IP",
        "X-Cluster-Client-IP",
        "X-Original-Forwarded-For",
        "Fastly-Client-IP",
        "X-Amzn-Trace-Id",
        "X-Envoy-External-Address",
        "X-Scheme",
    ],
)
def test_proxies_are_known_by_their_headers(header: str) -> None:
    assert is_proxied(RequestFactory().get("/", headers={header: "x"}))


def test_who_asks_directly_has_no_such_headers() -> None:
    headers = {
        "accept": "*/*",
        "accept-encoding": "gzip",
        "user-agent": "Prometheus/3.0",
        "x-prometheus-scrape-timeout-seconds": "10",
        "x-request-id": "1",
    }
    assert not is_proxied(RequestFactory().get("/", headers=headers))


@pytest.mark.parametrize(
    ("text", "address"),
    [("::ffff:10.0.0.1", "10.0.0.1"), (" 10.0.0.1:80 ", "10.0.0.1"), ("", None), ("x", None)],
)
def test_addresses(text: str, address: str | None) -> None:
    found = address_of(text)
    assert (found and str(found)) == address
