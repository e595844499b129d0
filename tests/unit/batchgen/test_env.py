"""Lists in the environment are taken as people write them; what has no one meaning is refused."""

import re

import pytest
from django.core.exceptions import ImproperlyConfigured

from batchgen import env

NAME = "BATCHGEN_SOME_LIST"


def read_hosts(text: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setenv(NAME, text)
    return env.hosts(NAME, "localhost")


def read_origins(text: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setenv(NAME, text)
    return env.origins(NAME)


@pytest.mark.parametrize(
    ("text", "hosts"),
    [
        ("a.example, b.example", ["a.example", "b.example"]),
        (" a.example ,, b.example , ", ["a.example", "b.example"]),
        ("a.example\n  b.example\t", ["a.example", "b.example"]),
        ('"a.example, b.example"', ["a.example", "b.example"]),
        ("'a.example'", ["a.example"]),
        ("A.Example.", ["a.example"]),
        ("a.example,A.EXAMPLE", ["a.example"]),
        ("a.example:8000", ["a.example"]),
        ("https://a.example:8443/", ["a.example"]),
        (".example.com", [".example.com"]),
        ("*", ["*"]),
        ("::1, [FE80::0:1]:80, 10.0.0.1", ["[::1]", "[fe80::1]", "10.0.0.1"]),
        ("bücher.example", ["xn--bcher-kva.example"]),
        ("my_host", ["my_host"]),
        ("", ["localhost"]),
        (" , ", ["localhost"]),
    ],
)
def test_hosts(text: str, hosts: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_hosts(text, monkeypatch) == hosts


@pytest.mark.parametrize(
    "text", ["*.example.com", "a.example/path", "ftp://a", "a..b", "user@a", "a;b", "a:b:c", "a:x"]
)
def test_what_is_no_host_stops_the_start(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(
        ImproperlyConfigured, match=rf"{NAME} must have host names .*not {re.escape(repr(text))}"
    ):
        read_hosts(text, monkeypatch)


@pytest.mark.parametrize(
    ("text", "origins"),
    [
        (
            "https://app.example.com, http://localhost:3000,",
            ["https://app.example.com", "http://localhost:3000"],
        ),
        ("'HTTPS://App.Example.COM./'", ["https://app.example.com"]),
        ("https://a.example:443 http://a.example:80", ["https://a.example", "http://a.example"]),
        ("https://a.example:80", ["https://a.example:80"]),
        ("http://[::1]:5173", ["http://[::1]:5173"]),
        ("https://bücher.example", ["https://xn--bcher-kva.example"]),
        ("https://a.example,https://a.example/", ["https://a.example"]),
        ("", []),
        (",", []),
    ],
)
def test_origins(text: str, origins: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_origins(text, monkeypatch) == origins


@pytest.mark.parametrize(
    "text",
    [
        "app.example.com",
        "*",
        "null",
        "ftp://x",
        "https://a b.c, null",
        "https://a.example/path",
        "https://a.example?x",
        "https://user@a.example",
        "https://",
        "https://a.example:99999",
        "https://*.example.com",
    ],
)
def test_what_is_no_origin_stops_the_start(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ImproperlyConfigured, match=NAME):
        read_origins(text, monkeypatch)


def test_forms_may_come_from_all_subdomains(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, "https://*.example.com")
    assert env.origins(NAME, subdomains=True) == ["https://*.example.com"]


@pytest.mark.parametrize("address", ["", "/ops/flower/", "http://127.0.0.1:5555/"])
def test_a_link_leads_to_a_path_or_by_http(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, address)
    assert env.link(NAME) == address
    for odd in ("javascript:alert(1)", "flower"):
        monkeypatch.setenv(NAME, odd)
        with pytest.raises(ImproperlyConfigured, match=NAME):
            env.link(NAME)


def test_a_variable_that_is_set_to_nothing_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, " ")
    assert env.text(NAME, "default") == "default"
    assert env.boolean(NAME, default=True)
    assert env.integer(NAME, 5) == 5
