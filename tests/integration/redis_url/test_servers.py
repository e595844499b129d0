"""Each kind of server that REDIS_URL can name, used by both clients."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from redis.exceptions import RedisError

from batchgen.local.place import free_port, scratch
from batchgen.local.supervisor import Supervisor
from tests.integration.redis_url.conftest import Use
from tests.redis_servers import AS_USER, ONE_USER, server, valkey_program


@pytest.fixture
def home() -> Iterator[Path]:
    """Short: the path of a socket has at most 107 characters."""
    with scratch() as directory:
        yield directory


@pytest.fixture
def supervisor() -> Iterator[Supervisor]:
    with Supervisor(lambda *_: None, signals=False) as supervisor:
        yield supervisor


@pytest.mark.parametrize("protocol", ["2", "3"])
def test_over_tcp(home: Path, supervisor: Supervisor, use: Use, protocol: str) -> None:
    port = free_port()
    url = f"redis://{AS_USER}@localhost:{port}/5?protocol={protocol}"
    supervisor.start(server(url, home / "redis", f"port {port}", *ONE_USER))
    use(url)
    for wrong in (f"redis://localhost:{port}", f"redis://ada:other@localhost:{port}/5"):
        with pytest.raises(RedisError, match=r"(?i)auth|user|password"):
            use(wrong)


def test_on_a_unix_socket(home: Path, supervisor: Supervisor, use: Use) -> None:
    path = home / "a b.sock"
    url = f"unix://{AS_USER}@{str(path).replace(' ', '%20')}?db=3"
    lines = ("port 0", f'unixsocket "{path}"', *ONE_USER)
    supervisor.start(server(url, home / "redis", *lines))
    use(url)


def test_valkey(home: Path, supervisor: Supervisor, use: Use) -> None:
    kind = valkey_program()
    if kind is None:
        pytest.skip("there is no valkey-server, and its wheel is not for this system")
    port = free_port()
    url = f"valkey://{AS_USER}@127.0.0.1:{port}/2"
    supervisor.start(server(url, home / "valkey", f"port {port}", *ONE_USER, kind=kind))
    use(url)
