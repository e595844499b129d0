"""The server over HTTP: a token for every request, and only names that are ours.

Stateless: each request brings its token, and nothing is kept between two. Connections have the
limits of the web process.
"""

import json
from collections.abc import Iterator
from typing import Any

import uvicorn
from anyio.to_thread import run_sync
from django.conf import settings
from mcp.server import Server
from mcp.server.transport_security import TransportSecuritySettings

from batchgen.http.body_limit import App, BodyLimit, Message, Receive, Send
from batchgen.mcp.inside import Asker, refusal

PATH = "/mcp"
#: Of a request's body.
_MOST_BYTES = 1_000_000
_LOCAL = ("127.0.0.1", "localhost", "[::1]")


class TokenRequired:
    """An ASGI application around another: nothing is answered without a token that is good."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            header = dict(scope["headers"]).get(b"authorization", b"").decode("latin-1")
            refused = await run_sync(refusal, Asker(authorization=header))
            if refused is not None:
                await _send(send, refused.status, refused.body)
                return
        await self._app(scope, receive, send)


def asker_of(context: Any) -> Asker:
    """Whoever the token of the HTTP request is of."""
    return Asker(authorization=context.request.headers.get("authorization", ""))


def application(server: Server[Any]) -> App:
    """The ASGI application."""
    hosts = [*_LOCAL, *_names()]
    app = server.streamable_http_app(
        streamable_http_path=PATH,
        json_response=True,
        stateless_http=True,
        max_request_body_size=_MOST_BYTES,
        transport_security=TransportSecuritySettings(
            enable_dns_rebinding_protection=True,
            allowed_hosts=[each for host in hosts for each in (host, f"{host}:*")],
            allowed_origins=[
                f"{scheme}://{host}{port}"
                for scheme in ("http", "https")
                for host in hosts
                for port in ("", ":*")
            ],
        ),
    )
    return BodyLimit(TokenRequired(app))


def over_http(server: Server[Any], *, host: str, port: int) -> None:
    """Serve until told to stop."""
    uvicorn.run(
        application(server),
        host=host,
        port=port,
        http="batchgen.web.connection:Connection",
        ws="none",
        proxy_headers=False,
        access_log=False,
        log_config=None,
        timeout_graceful_shutdown=2,
    )


def _names() -> Iterator[str]:
    """BATCHGEN_ALLOWED_HOSTS, but for what names more than one host."""
    return (host for host in settings.ALLOWED_HOSTS if not host.startswith((".", "*")))


async def _send(send: Send, status: int, body: dict[str, Any]) -> None:
    raw = json.dumps(body).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(raw)).encode()),
        *([(b"www-authenticate", b'Bearer realm="mcp"')] if status == 401 else []),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": raw})
