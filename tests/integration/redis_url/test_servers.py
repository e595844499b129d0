"""Each kind of server that REDIS_URL can name, used by all clients."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from redis.exceptions import RedisError

from batchgen.local.local_dir import free_port, scratch
from batchgen.local.supervisor import Supervisor
from batchgen.redis.client import connection_pool
from batchgen.redis.loop_client import loop_pool
from batchgen.redis.url import parse
from tests.integration.redis_url.conftest import Use
from tests.redis_servers import AS_USER, ONE_USER, sentinel, server, valkey_program


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


def test_a_sentinel_that_is_down_is_asked_once(
    home: Path, supervisor: Supervisor, use: Use
) -> None:
    """And only by the first connection: each would else wait for it, on a host that is gone."""
    port, own = free_port(), free_port()
    supervisor.start(server(f"redis://127.0.0.1:{port}", home / "redis", f"port {port}"))
    lines = (f"port {own}", f"sentinel monitor main 127.0.0.1 {port} 1")
    supervisor.start(sentinel(f"redis://127.0.0.1:{own}", home / "sentinel", *lines))
    with closes_at_once() as (down, asked):
        url = f"redis+sentinel://127.0.0.1:{down},127.0.0.1:{own}/main/1"
        use(url)
        use(url)
        assert len(asked) == 1
        alone: Any = connection_pool(parse(f"redis+sentinel://127.0.0.1:{down}/main"))
        with pytest.raises(RedisError, match="No master 'main'"):
            alone.get_master_address()
        assert len(asked) == 2
        of_a_loop: Any = loop_pool(parse(f"redis+sentinel://127.0.0.1:{down}/main"))
        with pytest.raises(RedisError, match="No master 'main'"):
            asyncio.run(of_a_loop.get_master_address())
        assert len(asked) == 3


@contextmanager
def closes_at_once() -> Iterator[tuple[int, list[object]]]:
    """A listener without words: its port, and who came."""
    came: list[object] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def listen() -> None:
            with suppress(OSError):
                while True:
                    stranger, address = listener.accept()
                    came.append(address)
                    stranger.close()

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        yield listener.getsockname()[1], came
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(timeout=5)
