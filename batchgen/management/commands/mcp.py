"""`manage.py mcp`: the MCP server, over stdio or HTTP."""

import logging
from functools import partial
from importlib import import_module
from typing import Any

import anyio
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from batchgen import env
from batchgen.db.pools import limit_statements
from batchgen.mcp.http import PATH, asker_of, over_http
from batchgen.mcp.inside import Asker
from batchgen.mcp.server import over_stdio, server_make

log = logging.getLogger(__name__)

_LAST_PORT = 65_535


class Command(BaseCommand):
    help = (
        "Serves an assistant by the Model Context Protocol: over stdin and stdout to the client "
        "that starts it, or with --http to all who bring an API token. Who asks over stdio is "
        "--user, or whoever BATCHGEN_MCP_TOKEN is of. It only reads, unless --allow-actions is "
        "given."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--user", default="", help="who asks over stdio, by user name")
        parser.add_argument(
            "--allow-actions",
            action="store_true",
            help="runs can be started, paused, resumed, cancelled, retried and put first",
        )
        parser.add_argument("--http", action="store_true", help=f"serve {PATH} over HTTP")
        parser.add_argument("--host", default="127.0.0.1", help="where --http listens")
        parser.add_argument(
            "--port", type=int, choices=range(1, _LAST_PORT + 1), default=8765, metavar="PORT"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        user, token = options["user"], env.secret("BATCHGEN_MCP_TOKEN")
        if options["http"] and (user or token):
            raise CommandError(
                "Over HTTP each client brings its token: no --user, no BATCHGEN_MCP_TOKEN."
            )
        if not options["http"] and bool(user) == bool(token):
            raise CommandError("Say who asks: --user NAME, or a token in BATCHGEN_MCP_TOKEN.")
        limit_statements(seconds=settings.WEB_STATEMENT_TIMEOUT_S)
        import_module(settings.ROOT_URLCONF)  # takes a second, which the first call need not wait
        actions = options["allow_actions"]
        if options["http"]:
            log.info("MCP at http://%s:%s%s", options["host"], options["port"], PATH)
            over_http(
                server_make(asker_of, actions=actions), host=options["host"], port=options["port"]
            )
            return
        asker = Asker(user=user, authorization=f"Bearer {token}" if token else "")
        anyio.run(partial(over_stdio, server_make(lambda _: asker, actions=actions)))
