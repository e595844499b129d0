"""Addresses and queries that no browser writes, at every read: none is an internal error."""

import http.client
import json
import socket
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from uuid import uuid4

import pytest
from rest_framework_simplejwt.tokens import AccessToken

from batchgen.local.local_dir import ROOT
from tests.factories import user_make
from tests.integration.engine.world import World

pytestmark = pytest.mark.django_db(transaction=True)

ODD = [
    b"\xff",
    b"%FF",
    b"\xed\xa0\x80",
    b"%ED%A0%80",
    b"%00",
    b"%",
    b"%ZZ",
    b"\xc3\xa4",
    b"x" * 20_000,
    b"a&{name}=b",
    b"&" * 2_000 + b"x=1",
    b"&x=1" * 2_000,
    b"[]",
    b"'\"<>\\",
]
NAMES = [b"ticket", b"cursor", b"lastEventId", b"search"]


def paths() -> Iterator[str]:
    """Of the operations that read, as the document has them."""
    import yaml

    text = (ROOT / "docs" / "openapi.yaml").read_text()
    document: dict[str, Any] = yaml.load(text, Loader=yaml.CSafeLoader)
    yield from (path for path, methods in document["paths"].items() if "get" in methods)


def asked(port: int, target: bytes, token: str) -> tuple[int, bytes]:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
        head = b"GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n" % target
        sign_in = b"Authorization: Bearer %s\r\n" % token.encode() if token else b""
        client.sendall(head + sign_in + b"\r\n")
        with closing(http.client.HTTPResponse(client)) as answer:
            answer.begin()
            return answer.status, answer.read()


def assert_told(status: int, body: bytes, target: bytes) -> None:
    assert status < 500, (target[:200], body)
    if status >= 400:
        assert json.loads(body)["error"]["code"] != "INTERNAL_ERROR", target[:200]


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: repr(odd[:12]))
def test_no_query_is_an_internal_error(port: int, odd: bytes) -> None:
    world = World.make(epics=1, lanes=1)
    token = str(AccessToken.for_user(user_make(is_staff=True)))
    ids = {"run_id": world.run.id, "project_id": world.run.project_id}
    for path in paths():
        known = path.replace("{id}", str(uuid4()))
        for key, value in ids.items():
            known = known.replace(f"{{{key}}}", str(value))
        known = known.split("{")[0] + str(uuid4()) if "{" in known else known
        for name in NAMES:
            if path.endswith("/events") and name != b"ticket":
                continue  # it opens, whatever else is asked
            query = name + b"=" + odd.replace(b"{name}", name)
            target = known.encode() + b"?" + query
            signed_in = "" if name == b"ticket" else token
            assert_told(*asked(port, target, signed_in), target)


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: repr(odd[:12]))
def test_no_address_is_an_internal_error(port: int, odd: bytes) -> None:
    token = str(AccessToken.for_user(user_make(is_staff=True)))
    for before in (b"/api/v1/", b"/api/v1/projects/", b"/api/v1/runs/"):
        assert_told(*asked(port, before + odd, token), before + odd)
