"""PostgreSQL on two hosts: one takes writes, the other has each commit before it is answered."""

import os
import shutil
import signal
import subprocess
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg

from batchgen.local.child import Child, Running
from batchgen.local.postgres import Postgres
from batchgen.local.terminal import Sink
from tests.acceptance.faults.bed import wait_for
from tests.acceptance.hosts.network import Host
from tests.acceptance.hosts.service import Service

_USER = "batchgen"
_ACCESS = """\
local all all trust
host all all samenet trust
host replication all samenet trust
"""
_COPIED_S = 60


class Database:
    """The two servers, which change places."""

    def __init__(self, first: Host, second: Host, directory: Path, sink: Sink) -> None:
        """Start them; the first takes writes."""
        self._directory, self._sink = directory, sink
        self._files = Postgres(directory / "postgres", durable=True)
        self._usual = self._files.child()
        self._programs = Path(self._usual.argv[0]).parent
        self._access = directory / "access.conf"
        self._access.write_text(_ACCESS)
        self._access.chmod(0o644)
        self.primary, self.standby = first, second
        data = Path(self._usual.argv[2])
        self._servers = {first: Service(first, self._child(first, data), sink)}
        self._follow()

    @property
    def url(self) -> str:
        """That of the one that takes writes now."""
        return _url(self.primary)

    def fail_over(self) -> None:
        """As operators do it: the other one takes writes from now on, whatever becomes of this one.

        Whoever wrote to the old one has to be told, and that one has to be ended.
        """
        with _asked(self.standby) as standby:
            standby.execute("SELECT pg_promote(wait => true, wait_seconds => 30)")
        self.primary, self.standby = self.standby, self.primary

    def end_standby(self) -> None:
        """kill -9 of all of its processes, also of one that was cut off while it took writes."""
        self.standby.send(signal.SIGKILL)
        self._servers.pop(self.standby).close()

    def rejoin(self) -> None:
        """The host without a server is given a fresh copy of the other, which it follows."""
        self._follow()

    def close(self) -> None:
        """Stop both, and remove what is not in the directory."""
        for server in self._servers.values():
            server.close()
        self._files.forget()

    def _follow(self) -> None:
        data = self._directory / self.standby.name
        self._copy(data)
        child = self._child(self.standby, data, of=self.primary)
        self._servers[self.standby] = Service(self.standby, child, self._sink)
        with _asked(self.primary) as primary:
            # Commits wait for it from now on, so that a failover forgets nothing.
            primary.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{self.standby.name}'")
            primary.execute("SELECT pg_reload_conf()")
        wait_for(self._is_in_step, "the standby is in step", timeout_s=30)

    def _is_in_step(self) -> bool:
        with _asked(self.primary) as primary:
            row = primary.execute("SELECT sync_state FROM pg_stat_replication").fetchone()
        return row == ("sync",)

    def _copy(self, data: Path) -> None:
        shutil.rmtree(data, ignore_errors=True)
        data.mkdir(mode=0o700)
        account = self._usual.account
        if account is not None:
            os.chown(data, account.uid, account.gid)
        argv = [str(self._programs / "pg_basebackup"), "-d", self.url, "-D", str(data)]
        argv += ["--checkpoint=fast", "--no-sync", "--write-recovery-conf"]
        user: dict[str, Any] = (
            {"user": account.uid, "group": account.gid, "extra_groups": []} if account else {}
        )
        with self.standby.entered():
            subprocess.run(
                argv, check=True, capture_output=True, cwd="/", timeout=_COPIED_S, **user
            )
        # Whom it follows stands in its command; and it waits for nobody.
        (data / "postgresql.auto.conf").write_text("")

    def _child(self, host: Host, data: Path, *, of: Host | None = None) -> Child:
        options = {
            "listen_addresses": host.address,
            "unix_socket_directories": "",
            "hba_file": str(self._access),
            "max_connections": "300",
        }
        if of is not None:
            options["primary_conninfo"] = (
                f"host={of.address} user={_USER} application_name={host.name} "
                "connect_timeout=2 tcp_user_timeout=3000"
            )
        argv = [*self._usual.argv[:2], str(data), *self._usual.argv[3:]]
        argv += [part for key, value in options.items() for part in ("-c", f"{key}={value}")]

        def answers(_: Running) -> bool:
            with suppress(psycopg.OperationalError), _asked(host):
                return True
            return False

        return replace(self._usual, name=host.name, argv=argv, ready=answers)


def _url(host: Host) -> str:
    return f"postgresql://{_USER}@{host.address}/{_USER}"


def _asked(host: Host) -> "psycopg.Connection[tuple[object, ...]]":
    return psycopg.connect(_url(host), connect_timeout=3, autocommit=True)
