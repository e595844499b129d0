"""TLS: which certificates are believed, by all clients. Redis stands behind a front of TLS."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from batchgen.local.local_dir import free_port
from batchgen.local.supervisor import Supervisor
from tests.certificates import certificates
from tests.integration.redis_url.conftest import Use
from tests.redis_servers import server
from tests.tls_front import fronted

_REFUSED = RedisConnectionError


@pytest.fixture(scope="module")
def redis_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A Redis without TLS."""
    port = free_port()
    with Supervisor(lambda *_: None, signals=False) as supervisor:
        home = tmp_path_factory.mktemp("redis")
        supervisor.start(server(f"redis://127.0.0.1:{port}", home, f"port {port}"))
        yield port


def test_a_certificate_of_a_known_authority_is_believed(
    redis_port: int, tmp_path: Path, use: Use
) -> None:
    made = certificates(tmp_path)
    with fronted(redis_port, made) as port:
        use(f"rediss://127.0.0.1:{port}/1?ssl_ca_certs={made.ca}")
        for wrong in ("", f"?ssl_ca_certs={certificates(tmp_path / 'other').ca}"):
            with pytest.raises(_REFUSED, match="certificate verify failed"):
                use(f"rediss://127.0.0.1:{port}/1{wrong}")
        use(f"rediss://127.0.0.1:{port}/1?ssl_cert_reqs=none")


def test_a_certificate_is_for_its_host(redis_port: int, tmp_path: Path, use: Use) -> None:
    made = certificates(tmp_path, host="redis.example.com")
    with fronted(redis_port, made) as port:
        url = f"rediss://127.0.0.1:{port}/1?ssl_ca_certs={made.ca}"
        with pytest.raises(_REFUSED, match="certificate verify failed"):
            use(url)
        use(f"{url}&ssl_check_hostname=false")


def test_a_server_may_ask_for_our_certificate(redis_port: int, tmp_path: Path, use: Use) -> None:
    made = certificates(tmp_path)
    with fronted(redis_port, made, asks=True) as port:
        url = f"rediss://127.0.0.1:{port}/1?ssl_ca_certs={made.ca}&ssl_min_version=TLSv1.2"
        use(f"{url}&ssl_certfile={made.client}&ssl_keyfile={made.client}")
        with pytest.raises(_REFUSED):
            use(url)


def test_a_url_without_tls_gets_no_answer_where_tls_is_spoken(
    redis_port: int, tmp_path: Path, use: Use
) -> None:
    with fronted(redis_port, certificates(tmp_path)) as port, pytest.raises(_REFUSED):
        use(f"redis://127.0.0.1:{port}/1")
