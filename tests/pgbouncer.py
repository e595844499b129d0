"""A real PgBouncer in transaction mode (Debian's package `pgbouncer`), before a PostgreSQL.

With BATCHGEN_TEST_PGBOUNCER=1 the whole suite runs behind one: `make pooled` runs a part of it.
"""

import os
import pwd
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from batchgen.local.child import Account, Child, logged
from batchgen.local.supervisor import Supervisor

#: None where it is not installed.
PROGRAM = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")
_PORT = 6432
#: Each transaction has another server connection than the one before, as often as possible. Hosts
#: that are gone are noticed, as docs/deployment.md says.
_CONFIGURATION = """\
[databases]
* = host={host} port={port} user={user}
[pgbouncer]
pool_mode = {mode}
listen_addr = {listen}
listen_port = {own_port}
unix_socket_dir = {home}
auth_type = any
admin_users = admin
max_client_conn = 1000
default_pool_size = {size}
server_round_robin = 1
server_login_retry = 1
tcp_keepidle = 5
tcp_keepintvl = 2
tcp_keepcnt = 3
tcp_user_timeout = 5000
ignore_startup_parameters = {ignored}
"""


class PgBouncer:
    """One in front of the PostgreSQL at `url`; whoever connects becomes the URL's user there."""

    def __init__(
        self,
        url: str,
        *,
        mode: str = "transaction",
        ignored: str = "",
        size: str = "25",
        listen: str = "",
    ) -> None:
        """
        Args:
            listen: an address; by default nothing but the socket in its home.
        """
        self._server = conninfo_to_dict(url)
        self._account = _account(str(self._server["host"]))
        self._listen = listen
        self._options = {"mode": mode, "ignored": ignored, "size": size}
        self.home = Path(tempfile.mkdtemp(prefix="batchgen-", dir="/tmp"))
        self._file = self.home / "pgbouncer.ini"
        self.point_to(str(self._server["host"]))
        if self._account:
            for path in (self.home, self._file):
                os.chown(path, self._account.uid, self._account.gid)

    @property
    def url(self) -> str:
        """Through it, to the server's database."""
        host = self._listen or quote(str(self.home), safe="")
        return f"postgresql://{self._server['user']}@{host}:{_PORT}/{self._server['dbname']}"

    def point_to(self, host: str) -> None:
        """Write down where the server is; one that runs learns of it by RELOAD."""
        self._file.write_text(
            _CONFIGURATION.format(
                host=host,
                port=self._server.get("port", 5432),
                user=self._server["user"],
                listen=self._listen,
                own_port=_PORT,
                home=self.home,
                **self._options,
            )
        )

    def child(self) -> Child:
        """The process, for a supervisor."""
        if PROGRAM is None:
            raise RuntimeError("There is no pgbouncer here; on Debian and Ubuntu: apt install it.")
        return Child(
            name="pgbouncer",
            argv=[PROGRAM, str(self._file)],
            env={"PATH": os.defpath},
            cwd=self.home,
            account=self._account,
            ready=logged("process up"),
            ready_timeout_s=10,
        )

    def forget(self) -> None:
        """Remove its files; after its stop."""
        shutil.rmtree(self.home, ignore_errors=True)


def _account(host: str) -> Account | None:
    """Whom root runs it as: the server itself, who alone may enter the directory of its socket."""
    if os.geteuid() != 0:
        return None
    if not host.startswith("/"):
        nobody = pwd.getpwnam("nobody")
        return Account(uid=nobody.pw_uid, gid=nobody.pw_gid)
    owner = Path(host).stat()
    return Account(uid=owner.st_uid, gid=owner.st_gid) if owner.st_uid else None


def console(url: str, command: str) -> None:
    """Tell the pooler that listens there one of its own commands, like `KILL "database"`."""
    way = make_conninfo(url, user="admin", dbname="pgbouncer")
    with psycopg.connect(way, autocommit=True, cursor_factory=psycopg.ClientCursor) as admin:
        admin.execute(command.encode())


@contextmanager
def pgbouncer(
    supervisor: Supervisor,
    url: str,
    *,
    mode: str = "transaction",
    ignored: str = "",
    size: str = "25",
) -> Iterator[PgBouncer]:
    """One that runs while the context lasts; stop the supervisor before leaving it."""
    made = PgBouncer(url, mode=mode, ignored=ignored, size=size)
    try:
        supervisor.start(made.child())
        yield made
    finally:
        supervisor.stop()
        made.forget()
