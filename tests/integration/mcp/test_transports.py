"""The MCP server as operators start it, over HTTP and over stdio."""

import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from django.core.management import CommandError, call_command
from mcp.client.stdio import StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

from batchgen.local import stack
from batchgen.local.child import Child, logged
from batchgen.local.local_dir import ROOT, free_port
from batchgen.local.supervisor import Supervisor
from batchgen.local.terminal import LogFiles
from tests.acceptance.fleet import database_url
from tests.factories import project_make, token_made, user_make
from tests.integration.mcp.calling import asked_of, data_of, error_of

pytestmark = pytest.mark.django_db(transaction=True)

COMMAND = [sys.executable, "manage.py", "mcp"]
PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
ACCEPTED = "application/json, text/event-stream"


def environment(**more: str) -> dict[str, str]:
    return {**stack.base_environment(), "DATABASE_URL": database_url(), **more}


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    logs, port = LogFiles(tmp_path), free_port()
    argv = [*COMMAND, "--http", "--port", str(port), "--allow-actions"]
    child = Child(
        name="mcp",
        argv=argv,
        env=environment(BATCHGEN_HEAD_TIMEOUT_S="1"),
        cwd=ROOT,
        ready=logged("startup complete"),
    )
    with Supervisor(logs.line, signals=False) as supervisor:
        supervisor.start(child)
        yield f"http://127.0.0.1:{port}/mcp"
    logs.close()


@asynccontextmanager
async def bearing(url: str, secret: str) -> AsyncIterator[Any]:
    """The SDK's transport with a token."""
    headers = {"Authorization": f"Bearer {secret}"}
    async with (
        httpx2.AsyncClient(headers=headers, trust_env=False) as client,
        streamable_http_client(url, http_client=client) as streams,
    ):
        yield streams


def test_over_http_each_request_brings_its_token(url: str) -> None:
    project = project_make(user := user_make())
    other = project_make()
    assert other.created_by
    _, secret = token_made(user)
    _, others = token_made(other.created_by)
    read = ("project_read", {"projectId": str(project.pk)})
    (result,) = asked_of(bearing(url, secret), read)
    assert data_of(result)["name"] == "Tides"
    start = ("run_start", {"projectId": str(project.pk), "type": "EXPORT"})
    refused, hidden = (
        asked_of(bearing(url, secret), start)[0],
        asked_of(bearing(url, others), read)[0],
    )
    assert error_of(refused)["details"] == {"scope": "write"}
    assert error_of(hidden)["code"] == "NOT_FOUND"
    with httpx2.Client(trust_env=False, timeout=10) as client:
        _refused_by_http(client, url, secret)
        _hung_up(url, secret)
        right = client.post(url, json=PING, headers=_headers(secret))
        assert right.status_code == 200, "it goes on"


def _headers(secret: str, **more: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}", "Accept": ACCEPTED, **more}


def _refused_by_http(client: httpx2.Client, url: str, secret: str) -> None:
    for header in ({}, {"Authorization": "Bearer bgt_wrong"}, {"Authorization": "Basic YTpi"}):
        answer = client.post(url, json=PING, headers={"Accept": ACCEPTED, **header})
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "UNAUTHORIZED")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    for header, status in (
        ({"Host": "evil.example"}, 421),
        ({"Host": "evil.example:80"}, 421),
        ({"Origin": "https://evil.example"}, 403),
    ):
        answer = client.post(url, json=PING, headers=_headers(secret, **header))
        assert answer.status_code == status, header
    large = {**PING, "params": {"x": "y" * 1_100_000}}
    assert client.post(url, json=large, headers=_headers(secret)).status_code == 413
    elsewhere = client.get(url.removesuffix("/mcp") + "/", headers=_headers(secret))
    assert elsewhere.status_code == 404


def _hung_up(url: str, secret: str) -> None:
    """A client that goes in the middle of its request, and one before its answer."""
    address = httpx2.URL(url)
    head = (
        f"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:{address.port}\r\nAccept: {ACCEPTED}\r\n"
        f"Authorization: Bearer {secret}\r\nContent-Type: application/json\r\n"
        "Content-Length: 100\r\n\r\n"
    )
    for sent in (head, head + "{", "POST /m"):
        with socket.create_connection(("127.0.0.1", address.port or 80)) as line:
            line.sendall(sent.encode())


def test_over_stdio_nothing_but_the_protocol_is_on_stdout() -> None:
    project = project_make(user := user_make())
    _, secret = token_made(user)
    (result,) = asked_of(
        StdioServerParameters(
            command=COMMAND[0],
            args=COMMAND[1:],
            env=environment(BATCHGEN_MCP_TOKEN=secret),
            cwd=str(ROOT),
        ),
        ("project_read", {"projectId": str(project.pk)}),
    )
    assert data_of(result)["name"] == "Tides"
    talk = 'nonsense\n{"jsonrpc":"2.0","id":1,"method":"ping"}\n'
    done = subprocess.run(
        [*COMMAND, "--user", user.username],
        input=talk,
        env=environment(BATCHGEN_LOG_LEVEL="DEBUG"),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    lines = done.stdout.splitlines()
    assert lines, done.stderr
    assert all(line.startswith('{"jsonrpc":"2.0"') for line in lines), lines
    assert done.stderr, "the log is there"


@pytest.mark.parametrize(
    "words", [[], ["--http", "--user", "ada"], ["--user", "ada", "--port", "0"]]
)
def test_who_asks_is_said_once(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BATCHGEN_MCP_TOKEN", raising=False)
    assert "BATCHGEN_MCP_TOKEN" not in os.environ
    with pytest.raises(CommandError):
        call_command("mcp", *words)


def test_the_web_process_and_workers_do_without_the_sdk() -> None:
    script = (
        "import sys, batchgen.asgi, workers.tasks; from django.conf import settings;"
        "__import__(settings.ROOT_URLCONF);"
        "sys.exit(bool({'mcp', 'starlette'} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", script], env=environment(), cwd=ROOT, check=True)
