"""The embedded PostgreSQL and Redis: they keep data, survive kills, and leave nothing."""

import os
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

import psycopg
import pytest
import redis

from batchgen.local.child import Running
from batchgen.local.local_dir import scratch
from batchgen.local.postgres import Postgres
from batchgen.local.redis import Redis
from batchgen.local.supervisor import Supervisor
from tests.local.processes import eventually, is_alive


@pytest.fixture
def directory() -> Iterator[Path]:
    with scratch() as path:
        yield path


@contextmanager
def started(server: Postgres | Redis) -> Iterator[Running]:
    with Supervisor(lambda name, line: None, signals=False) as supervisor:
        yield supervisor.start(server.child())
    if isinstance(server, Postgres):
        server.forget()


def client(server: Redis) -> "redis.Redis":
    return redis.Redis.from_url(server.url, decode_responses=True)


def as_stack(home: Path) -> "redis.Redis":
    """As the user that is the stack's own."""
    return redis.Redis.from_url((home / "address").read_text(), decode_responses=True)


def sockets_of(postgres: Postgres) -> Path:
    return Path(unquote(urlsplit(postgres.url).netloc.split("@")[1]))


def test_postgres_serves_with_its_settings_and_stops(directory: Path) -> None:
    postgres = Postgres(directory / "postgres")
    with started(postgres) as running, psycopg.connect(postgres.url) as connection:
        names = ("jit", "max_connections", "fsync", "shared_preload_libraries", "listen_addresses")
        values = [connection.execute(f"SHOW {name}").fetchone() for name in names]
        encoding = connection.execute("SHOW server_encoding").fetchone()
    assert values == [("off",), ("200",), ("on",), ("pg_stat_statements",), ("",)]
    assert encoding == ("UTF8",)
    assert running.code() == 0
    assert not sockets_of(postgres).exists()


def test_postgres_is_private(directory: Path) -> None:
    postgres = Postgres(directory / "postgres", durable=False)
    with started(postgres):
        sockets = sockets_of(postgres)
        assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
        assert len(str(sockets / ".s.PGSQL.5432")) < 107
        assert sockets.as_posix().lower() == sockets.as_posix(), "database URLs may fold case"


def test_throwaway_data_goes_with_the_server(directory: Path) -> None:
    postgres = Postgres(directory / "postgres", durable=False)
    with started(postgres), psycopg.connect(postgres.url) as connection:
        assert connection.execute("SHOW fsync").fetchone() == ("off",)
    assert not (directory / "postgres").exists()


@pytest.fixture
def filled(directory: Path) -> Path:
    """The home of a stopped cluster with one row."""
    postgres = Postgres(directory / "postgres")
    with started(postgres), psycopg.connect(postgres.url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS n")
    return directory / "postgres"


def kept(postgres: Postgres) -> object:
    with started(postgres), psycopg.connect(postgres.url) as connection:
        return connection.execute("SELECT n FROM kept").fetchone()


def test_postgres_keeps_its_data(filled: Path) -> None:
    assert kept(Postgres(filled)) == (1,)


def test_postgres_starts_after_it_was_killed(filled: Path) -> None:
    killed = Postgres(filled)
    with started(killed) as running:
        running.process.kill()
        running.process.wait()
        assert (filled / "data" / "postmaster.pid").exists()
    assert kept(Postgres(filled)) == (1,)


def test_postgres_starts_when_its_old_number_is_another_process(filled: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        stale = f"{other.pid}\n{filled / 'data'}\n0\n5432\n/tmp/batchgen-none\n\n\nready\n"
        (filled / "data" / "postmaster.pid").write_text(stale)
        assert kept(Postgres(filled)) == (1,)
        assert is_alive(other.pid)
        other.kill()


def test_postgres_takes_over_from_a_server_that_was_left_behind(filled: Path) -> None:
    orphan = Postgres(filled)
    with started(orphan) as running:
        assert kept(Postgres(filled)) == (1,)
        assert eventually(lambda: running.code() == 0)
        assert not sockets_of(orphan).exists()


def test_a_broken_initdb_is_begun_anew(directory: Path) -> None:
    home = directory / "postgres"
    with started(Postgres(home)):
        pass
    (home / "data").rename(home / "data.new")
    (home / "data.new" / "PG_VERSION").unlink()
    postgres = Postgres(home)
    with started(postgres), psycopg.connect(postgres.url):
        pass


@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts the server as another user")
def test_root_changes_nothing_that_is_not_its_own(directory: Path) -> None:
    closed = directory / "closed"
    closed.mkdir(mode=0o700)
    postgres = Postgres(closed / "postgres")
    elsewhere = (closed / "postgres").resolve()
    try:
        with started(postgres) as running, psycopg.connect(postgres.url):
            assert Path(f"/proc/{running.process.pid}").stat().st_uid != 0
        assert not elsewhere.is_relative_to(closed)
        assert stat.S_IMODE(closed.stat().st_mode) == 0o700
        again = Postgres(closed / "postgres", durable=False)
        with started(again), psycopg.connect(again.url):
            assert (closed / "postgres").resolve() == elsewhere
    finally:
        assert not elsewhere.exists(), "data that is not durable goes"


def test_redis_keeps_its_data_and_is_behind_a_password(directory: Path) -> None:
    first = Redis(directory / "redis")
    with started(first) as running:
        with client(first) as connection:
            connection.set("kept", "yes")
        with as_stack(directory / "redis") as connection:
            assert connection.config_get("maxmemory-policy")["maxmemory-policy"] == "noeviction"
            assert connection.config_get("appendfsync")["appendfsync"] == "everysec"
            assert connection.config_get("bind")["bind"] == "127.0.0.1"
        port = urlsplit(first.url).port or 0
        with socket.create_connection(("127.0.0.1", port)) as stranger:
            stranger.sendall(b"PING\r\n")
            assert stranger.recv(100).startswith(b"-NOAUTH")
    assert running.code() == 0
    second = Redis(directory / "redis")
    with started(second), client(second) as connection:
        assert connection.get("kept") == "yes"


DENIED = (
    *("CONFIG SET dir /tmp", "CONFIG GET *", "DEBUG SLEEP 0", "MODULE LIST", "SHUTDOWN NOSAVE"),
    *("REPLICAOF NO ONE", "SLAVEOF NO ONE", "PSYNC ? -1", "ACL LIST", "ACL SETUSER x on nopass"),
    *("MONITOR", "MIGRATE 127.0.0.1 9 k 0 1", "BGREWRITEAOF", "SAVE", "CLIENT KILL TYPE normal"),
    *("FLUSHALL", "KEYS *", "SWAPDB 0 1", "CLIENT LIST", "FAILOVER"),
)


def test_the_user_that_batchgen_is_reaches_nothing_beyond_the_data(directory: Path) -> None:
    server = Redis(directory / "redis")
    with started(server), client(server) as connection:
        for command in DENIED:
            with pytest.raises(redis.ResponseError) as refused:
                connection.execute_command(*command.split())
            told = str(refused.value).lower()
            assert "no permissions" in told or "can't run this command" in told, command
        with pytest.raises(redis.ResponseError, match="can't run this command"):
            connection.eval("return redis.call('flushall')", 0)
        assert connection.eval("return redis.call('incr', KEYS[1])", 1, "n") == 1
        assert connection.info("server")["redis_version"]


def test_redis_takes_over_from_a_server_that_was_left_behind(directory: Path) -> None:
    orphan = Redis(directory / "redis")
    with started(orphan) as running:
        with client(orphan) as connection:
            connection.set("kept", "yes")
        heir = Redis(directory / "redis")
        assert eventually(lambda: running.code() == 0)
        with started(heir), client(heir) as connection:
            assert connection.get("kept") == "yes"


def test_redis_starts_after_it_was_killed(directory: Path) -> None:
    first = Redis(directory / "redis")
    with started(first) as running:
        with client(first) as connection:
            connection.set("kept", "yes")
        running.process.kill()
        running.process.wait()
    second = Redis(directory / "redis")
    with started(second), client(second) as connection:
        assert connection.get("kept") == "yes"


def test_secrets_are_for_the_owner_alone(directory: Path) -> None:
    Redis(directory / "redis")
    for name in ("address", "redis.conf"):
        assert stat.S_IMODE((directory / "redis" / name).stat().st_mode) == 0o600
