"""`manage.py webhook_receiver`: something on this machine to try a webhook with. It verifies and
prints what comes, and answers as it is told."""

import json
import os
import sys
from argparse import ArgumentTypeError
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import count
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError
from standardwebhooks.webhooks import EmptyWebhookSecretError

_SECRET = "WEBHOOK_SECRET"  # noqa: S105 - a name
_HOST = "127.0.0.1"
#: A longer body is none of ours.
_BODY_BYTES = 10_000_000
_SILENT_S = 10


class Command(BaseCommand):
    help = (
        "Listens on 127.0.0.1, verifies each webhook with its secret and prints a line for it: "
        "whether it is genuine, its webhook-id, its type, and its body. The secret stands in "
        f"{_SECRET}, or is the first line of the standard input. The server that sends has to "
        "allow it: BATCHGEN_WEBHOOK_HTTP=1 BATCHGEN_WEBHOOK_NETWORKS=127.0.0.1 "
        "BATCHGEN_WEBHOOK_PORTS=8010."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=_number(0, 65_535), default=8010, help="0: a free one")
        parser.add_argument(
            "--answer",
            type=_number(200, 599),
            default=204,
            help="the status that a genuine one is answered with; others get 401",
        )
        parser.add_argument(
            "--count", type=_number(0, 10**9), default=0, help="end after so many; 0: with Ctrl-C"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        verifier = _verifier()
        handler = _handler(verifier, options["answer"], self._say)
        try:
            server = HTTPServer((_HOST, options["port"]), handler)
        except OSError as error:
            raise CommandError(
                f"{_HOST}:{options['port']} cannot be had: {error.strerror}. Choose another --port."
            ) from error
        self._say(f"Listening on http://{_HOST}:{server.server_port}/")
        try:
            for _ in range(options["count"]) if options["count"] else count():
                server.handle_request()
        except KeyboardInterrupt:
            self._say("Stopped.")
        finally:
            server.server_close()

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


def _verifier() -> Verifier:
    secret = os.environ.get(_SECRET, "").strip() or sys.stdin.readline().strip()
    if not secret.startswith("whsec_"):
        raise CommandError(f"Give the secret, whsec_…, in {_SECRET} or on the standard input.")
    try:
        return Verifier(secret)
    except (ValueError, EmptyWebhookSecretError) as error:
        raise CommandError("This secret is not whole: it is base64 after whsec_.") from error


def _handler(
    verifier: Verifier, status: int, say: Callable[[str], None]
) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = _SILENT_S

        def do_POST(self) -> None:  # as the library has it
            length = self.headers.get("Content-Length", "")
            if not length.isdigit() or int(length) > _BODY_BYTES:
                self.send_error(413)
                return
            body = self.rfile.read(int(length))
            answer, line = _verdict(verifier, body, dict(self.headers), status)
            # First what came, so that whoever waits for the answer can read it.
            say(line)
            self.send_response(answer)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # as the library has it
            """The lines say more."""

    return Handler


def _verdict(
    verifier: Verifier, body: bytes, headers: dict[str, str], status: int
) -> tuple[int, str]:
    """What to answer, and the line to print."""
    message_id = headers.get("Webhook-Id", headers.get("webhook-id", "-"))
    try:
        message = verifier.verify(body, headers)
    except (WebhookVerificationError, ValueError) as error:
        return 401, f"refused {message_id}: {error}"
    return status, f"verified {message_id} {message['type']} {json.dumps(message)}"


def _number(least: int, most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not text.isdigit() or not least <= int(text) <= most:
            raise ArgumentTypeError(f"give a number from {least} to {most}, not {text!r}")
        return int(text)

    return read
