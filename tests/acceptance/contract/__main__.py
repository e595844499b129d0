"""`python -m tests.acceptance.contract [OPERATION …] [--seed N]`: the API against its document.

Starts a PostgreSQL, a Redis and a web process of its own. Exits with 1 when a check failed.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import django
from django.core.management import call_command

from batchgen.local import stack
from batchgen.local.local_dir import free_port, scratch
from batchgen.local.supervisor import Supervisor
from batchgen.local.terminal import LogFiles

#: Whatever the shell says, nothing is asked of servers or providers that are not our own.
_FIXED = {
    "ANTHROPIC_API_KEY": "none",
    "ANTHROPIC_BASE_URL": "http://127.0.0.1:9",
    "BATCHGEN_LOG_LEVEL": "WARNING",
}
#: For the web process: no limits that would answer in the place of what they guard.
WEB = {
    "DJANGO_SETTINGS_MODULE": "tests.acceptance.contract.settings",
    "BATCHGEN_REQUESTS_PER_MINUTE": "0",
    "BATCHGEN_MEMBERS_PER_MINUTE": "0",
    "BATCHGEN_SIGN_IN_TRIES": "1000000",
}
_NOT_OURS = ("DATABASE_URL", "REDIS_URL", "BATCHGEN_ENV")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the checks; their exit code."""
    options = _parser().parse_args(arguments)
    environment = {**stack.base_environment(), **_FIXED, **WEB}
    for name in _NOT_OURS:
        environment.pop(name, None)
    with ExitStack() as opened:
        directory = opened.enter_context(scratch())
        logs = LogFiles(options.logs or directory / "log")
        opened.callback(logs.close)
        supervisor = opened.enter_context(Supervisor(logs.line, signals=False))
        opened.enter_context(stack.servers(supervisor, directory, environment, durable=False))
        os.environ.update(environment)
        django.setup()
        call_command("migrate", verbosity=0)
        from tests.acceptance.contract.fuzz import fuzz
        from tests.acceptance.contract.rows import rows_make

        rows = rows_make(spare=max(20, options.examples // 5))
        port = free_port()
        supervisor.start(stack.web(environment, "127.0.0.1", port))
        made = opened.enter_context(tempfile.TemporaryDirectory())
        url = stack.address("127.0.0.1", port)
        done = fuzz(
            url,
            rows,
            Path(made),
            examples=options.examples,
            seed=options.seed,
            operations=options.operations,
            workers=options.workers,
        )
    return done.returncode


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.acceptance.contract",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("operations", nargs="*", metavar="OPERATION", help="these alone, by id")
    parser.add_argument("--examples", type=int, default=2000, help="of each operation")
    parser.add_argument("--seed", type=int, default=5, help="another one makes other requests")
    parser.add_argument("--workers", type=int, default=1, help="2 are quicker, in any order")
    parser.add_argument("--logs", type=Path, help="keep the processes' logs in this directory")
    return parser


if __name__ == "__main__":
    sys.exit(main())
