"""A receiver on this machine that keeps what comes and answers as a test says."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook as Verifier

from runs.webhooks.models import Webhook
from runs.webhooks.signing import secret_of

#: What a request is answered with, of what came so far.
Answer = Callable[["Receiver"], int]


@dataclass
class Came:
    """One request."""

    headers: dict[str, str]
    body: str

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def message(self) -> dict[str, Any]:
        found = json.loads(self.body)
        assert isinstance(found, dict)
        return found

    @property
    def type(self) -> str:
        return str(self.message["type"])


@dataclass
class Receiver:
    """What came, and where it listens."""

    came: list[Came] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook?a=b"

    def types(self) -> list[str]:
        return [each.type for each in self.came]

    def verified(self, hook: Webhook) -> list[dict[str, Any]]:
        """All messages, each with a signature that is right."""
        verifier = Verifier(secret_of(hook))
        return [verifier.verify(each.body, each.headers) for each in self.came]


@contextmanager
def receiving(answer: Answer = lambda _: 204, *, port: int = 0) -> Iterator[Receiver]:
    """A receiver, at any port or at this one; what comes is kept before it is answered."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            headers = {name.lower(): value for name, value in self.headers.items()}
            receiver.came.append(Came(headers=headers, body=body))
            self.send_response(answer(receiver))
            self.send_header("Content-Length", "0")
            self.send_header("Location", receiver.url)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the library's
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    receiver.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
