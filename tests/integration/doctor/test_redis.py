"""Each fault of a Redis, or of the way there, has its finding."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from batchgen.doctor.redis import redis_transport
from batchgen.local.local_dir import free_port, scratch
from batchgen.local.supervisor import Supervisor
from batchgen.redis import client as redis
from batchgen.redis.rights import RIGHTS
from tests.certificates import certificates
from tests.redis_servers import AS_USER, sentinel, server
from tests.tls_front import fronted

pytestmark = pytest.mark.django_db(transaction=True)

#: What follows from others, and what these servers' users may.
_ASIDE = ("NOT_CHECKED", "REDIS_DANGEROUS")
#: What is wrong, by code.
Diagnosis = Callable[[str], dict[str, dict[str, Any]]]
#: Starts a server with these lines; its port.
Serve = Callable[..., int]


@pytest.fixture
def home() -> Iterator[Path]:
    with scratch() as directory:
        yield directory


@pytest.fixture
def supervisor() -> Iterator[Supervisor]:
    with Supervisor(lambda *_: None, signals=False) as supervisor:
        yield supervisor


@pytest.fixture
def serve(home: Path, supervisor: Supervisor) -> Serve:
    def start(*lines: str, user: str = "") -> int:
        # A cluster has another port 10,000 above its own.
        port = next(port for port in iter(free_port, None) if port <= 55_535)
        url = f"redis://{user}127.0.0.1:{port}"
        supervisor.start(server(url, home / str(port), f"port {port}", *lines))
        return port

    return start


@pytest.fixture
def diagnosis(doctor: Callable[..., Any], settings: Any) -> Iterator[Diagnosis]:
    def call(url: str) -> dict[str, dict[str, Any]]:
        settings.REDIS_URL = url
        redis.client.cache_clear()
        found = doctor("redis").items()
        return {code: each for code, each in found if each["todo"] and code not in _ASIDE}

    yield call
    redis.client.cache_clear()


def test_a_server_in_order(serve: Serve, diagnosis: Diagnosis) -> None:
    assert not diagnosis(f"redis://127.0.0.1:{serve()}/3")


def test_a_wrong_password(serve: Serve, diagnosis: Diagnosis) -> None:
    port = serve("requirepass right", user=":right@")
    found = diagnosis(f"redis://:wr0ng-password@127.0.0.1:{port}")
    assert set(found) == {"REDIS_REFUSED"}
    assert "wr0ng" not in str(found)
    assert set(diagnosis(f"redis://127.0.0.1:{port}")) == {"REDIS_REFUSED"}


def test_tls_that_fails_or_checks_nothing(serve: Serve, diagnosis: Diagnosis, home: Path) -> None:
    made = certificates(home / "made")
    with fronted(serve(), made) as port:
        assert not diagnosis(f"rediss://127.0.0.1:{port}?ssl_ca_certs={made.ca}")
        found = diagnosis(f"rediss://127.0.0.1:{port}")
        assert set(found) == {"REDIS_TLS"}
        assert "ssl_ca_certs" in found["REDIS_TLS"]["todo"]
        found = diagnosis(f"redis://127.0.0.1:{port}")
        assert "rediss://" in found["REDIS_UNREACHABLE"]["todo"]
        for unchecked in ("ssl_cert_reqs=none", f"ssl_ca_certs={made.ca}&ssl_check_hostname=false"):
            found = diagnosis(f"rediss://127.0.0.1:{port}?{unchecked}")
            assert set(found) == {"REDIS_TLS_UNVERIFIED"}
    found = diagnosis(f"rediss://127.0.0.1:{serve()}?ssl_ca_certs={made.ca}")
    assert "only there" in found["REDIS_UNREACHABLE"]["todo"]


@pytest.mark.parametrize(
    ("host", "code"),
    [
        ("redis.example.com", "REDIS_PLAIN"),
        ("8.8.8.8", "REDIS_PLAIN"),
        ("redis", "REDIS_WAY"),
        ("10.0.0.4", "REDIS_WAY"),
        ("[::1]", "REDIS_WAY"),
    ],
)
def test_who_may_listen_on_the_way(settings: Any, host: str, code: str) -> None:
    settings.REDIS_URL = f"redis://{host}/0"
    assert [found.code for found in redis_transport()] == [code]


def test_a_replica_and_a_cluster(serve: Serve, diagnosis: Diagnosis) -> None:
    master = serve()
    replica = serve(f"replicaof 127.0.0.1 {master}")
    assert "REDIS_REPLICA" in diagnosis(f"redis://127.0.0.1:{replica}")
    assert "REDIS_CLUSTER" in diagnosis(f"redis://127.0.0.1:{serve('cluster-enabled yes')}")


def test_a_server_that_drops_keys_or_is_nearly_full(serve: Serve, diagnosis: Diagnosis) -> None:
    port = serve("maxmemory 64mb", "maxmemory-policy allkeys-lru")
    assert set(diagnosis(f"redis://127.0.0.1:{port}")) == {"REDIS_EVICTS"}
    port = serve("maxmemory 900kb")
    assert "REDIS_NEARLY_FULL" in diagnosis(f"redis://127.0.0.1:{port}")


def test_rights(serve: Serve, diagnosis: Diagnosis, settings: Any) -> None:
    """It names what is missing, and what would be enough."""
    prefix = redis.prefix()
    rights = f"~{prefix}* allchannels {RIGHTS}"
    port = serve(
        "user default off",
        f"user ada on >p@ss/word {rights}",
        f"user eve on >p@ss/word {rights} -psubscribe -xadd -@scripting",
        f"user tom on >p@ss/word ~{prefix}* resetchannels &{prefix}* +@all",
        "user bob on >p@ss/word ~others:* resetchannels &others:* +@all",
        user=f"{AS_USER}@",
    )
    assert not diagnosis(f"redis://{AS_USER}@127.0.0.1:{port}")
    eve, tom, bob = (AS_USER.replace("ada", name) for name in ("eve", "tom", "bob"))
    found = diagnosis(f"redis://{eve}@127.0.0.1:{port}")["REDIS_RIGHTS"]
    for name in ("EVAL", "SCRIPT LOAD", "XADD", "PSUBSCRIBE"):
        assert name in found["message"]
    assert "LPUSH" not in found["message"]
    assert rights in found["todo"]
    assert "PSUBSCRIBE" in diagnosis(f"redis://{tom}@127.0.0.1:{port}")["REDIS_RIGHTS"]["message"]
    assert "LPUSH" in diagnosis(f"redis://{bob}@127.0.0.1:{port}")["REDIS_RIGHTS"]["message"]


def test_nothing_is_left_behind(serve: Serve, diagnosis: Diagnosis) -> None:
    diagnosis(f"redis://127.0.0.1:{serve()}")
    assert not redis.client().keys("*")


def test_a_prefix_of_another_installation(diagnosis: Diagnosis, settings: Any) -> None:
    settings.REDIS_PREFIX = f"doctor-{uuid4()}:"
    redis.client().set(redis.key("installation"), "another")
    found = diagnosis(settings.REDIS_URL)
    redis.client().delete(redis.key("installation"))
    assert set(found) == {"REDIS_PREFIX"}
    assert "another" in found["REDIS_PREFIX"]["message"]
    assert redis.key("installation") in found["REDIS_PREFIX"]["todo"]


def test_sentinels(serve: Serve, supervisor: Supervisor, home: Path, diagnosis: Diagnosis) -> None:
    master, ports = serve(), [free_port() for _ in range(3)]
    for port in ports:
        lines = (f"port {port}", f"sentinel monitor main 127.0.0.1 {master} 2")
        supervisor.start(sentinel(f"redis://127.0.0.1:{port}", home / str(port), *lines))
    hosts = [f"127.0.0.1:{port}" for port in ports]
    assert not diagnosis(f"redis+sentinel://{','.join(hosts)}/main")
    found = diagnosis(f"redis+sentinel://{','.join(hosts[:2])}/main")
    assert set(found) == {"REDIS_SENTINELS_FEW"}
    gone = f"127.0.0.1:{free_port()}"
    found = diagnosis(f"redis+sentinel://{','.join([*hosts, gone])}/main")
    assert set(found) == {"REDIS_SENTINELS_DOWN"}
    assert gone in found["REDIS_SENTINELS_DOWN"]["message"]
    assert set(diagnosis(f"redis+sentinel://{hosts[0]}/other")) > {"REDIS_UNREACHABLE"}
