"""`.local/`: the state of a clone's own servers, locked by one command at a time."""

import errno
import fcntl
import json
import os
import secrets
import shutil
import socket
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOCAL = ROOT / ".local"
_SERVERS = "servers.json"


class LocalError(Exception):
    """The command cannot start. The message says what to do."""


@contextmanager
def locked(command: str) -> Iterator[None]:
    """Hold `.local/` for this command; the kernel gives it back however the process ends.

    Raises:
        LocalError: another command holds it (the message names it), or it is another user's.
    """
    try:
        LOCAL.mkdir(exist_ok=True)
        handle = os.open(LOCAL / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except PermissionError as error:
        raise LocalError(
            f"{LOCAL} belongs to another user. Remove it as that user with `make clean-local`."
        ) from error
    try:
        _take(handle)
        os.ftruncate(handle, 0)
        os.write(handle, f"`{command}` (process {os.getpid()})".encode())
        yield
    finally:
        os.close(handle)


def _take(handle: int) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.read(handle, 200).decode(errors="replace") or "another command"
        raise LocalError(f"{holder} is running in this clone. Stop it first.") from error


@contextmanager
def servers_told(variables: Mapping[str, str]) -> Iterator[None]:
    """Say in `.local/` (mode 0600) what leads to the servers, while they are up."""
    path = LOCAL / _SERVERS
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(json.dumps(dict(variables)))
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def servers_up() -> dict[str, str]:
    """The variables that lead to the servers of the `make up` that is running in this clone.

    Raises:
        LocalError: none is.
    """
    with suppress(FileNotFoundError):
        text = (LOCAL / _SERVERS).read_text()
        if _is_held(LOCAL / "lock"):  # else one that was killed has left it
            variables: dict[str, str] = json.loads(text)
            return variables
    raise LocalError("Nothing is up in this clone. Start `make up`, and do this beside it.")


def _is_held(lock: Path) -> bool:
    with lock.open() as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def kept_secret(name: str) -> tuple[str, bool]:
    """The random text in `.local/NAME` (mode 0600), and whether it was made just now."""
    path = LOCAL / name
    if path.exists() and (text := path.read_text().strip()):
        return text, False
    text = secrets.token_urlsafe(18)
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(text + "\n")
    return text, True


def clean() -> None:
    """Remove `.local/`, and the database where it had to be kept elsewhere."""
    with locked("make clean-local"):
        shutil.rmtree((LOCAL / "postgres").resolve(), ignore_errors=True)
        shutil.rmtree(LOCAL)


@contextmanager
def scratch() -> Iterator[Path]:
    """A temporary directory that the user of a server in it can pass through, but not read."""
    with tempfile.TemporaryDirectory(prefix="batchgen-") as name:
        directory = Path(name)
        directory.chmod(0o711)
        yield directory


def require_free(host: str, port: int, setting: str) -> None:
    """Check that the address can be listened on.

    Raises:
        LocalError: it cannot; the message names the setting to change.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            busy = error.errno == errno.EADDRINUSE
            why = "is in use" if busy else f"cannot be used ({error.strerror})"
            message = f"Port {port} on {host} {why}. Set {setting} to another one."
            raise LocalError(message) from error


def free_port(host: str = "127.0.0.1") -> int:
    """A port that nobody listens on now."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port
