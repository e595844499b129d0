"""A server that takes no writes, as a primary after a failover, is one that is away."""

from contextlib import closing, nullcontext
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
from django.db import OperationalError, connection, transaction
from django.utils.timezone import now
from psycopg.conninfo import conninfo_to_dict

from batchgen.db.pools import engine_pool
from batchgen.db.sql import Queries
from batchgen.local.postgres import Postgres
from batchgen.local.supervisor import Supervisor
from batchgen.local.terminal import LogFiles
from runs.models import Worker
from tests.factories import client_of, user_make
from tests.integration.postgresql.conftest import Turn, server
from tests.integration.postgresql.test_session import opened
from tests.threads import elsewhere

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_write_is_refused_with_503_and_a_time_to_come_back(turned: Turn) -> None:
    client = client_of(user_make())
    turned("on")
    answer = client.post("/api/v1/projects", {"name": "Library"}, format="json")
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "UNAVAILABLE"
    assert int(answer["Retry-After"]) >= 1
    turned("off")
    answer = client.post("/api/v1/projects", {"name": "Library"}, format="json")
    assert answer.status_code == 201


def test_it_is_not_ready(turned: Turn) -> None:
    Worker.objects.create(name="w1", concurrency=1, lease_until=now() + timedelta(seconds=60))
    turned("on")
    answer = client_of(None).get("/readyz")
    assert (answer.status_code, answer.json()["error"]["details"]["missing"]) == (503, ["database"])
    turned("off")
    assert client_of(None).get("/readyz").status_code == 200


@pytest.mark.parametrize("in_a_part", [False, True])
def test_the_connection_is_not_used_again(turned: Turn, in_a_part: bool) -> None:
    turned("on")
    connection.ensure_connection()
    used = connection.connection
    with pytest.raises(OperationalError):
        write(in_a_part=in_a_part)
    assert used is not None
    assert used.closed
    turned("off")
    write(in_a_part=in_a_part)


@transaction.atomic
def write(*, in_a_part: bool) -> None:
    """Also where the failure is met inside the transaction, as in an import of many."""
    with transaction.atomic() if in_a_part else nullcontext():
        user_make()


def test_the_engine_waits_for_a_server_that_takes_writes(turned: Turn, tmp_path: Any) -> None:
    file = tmp_path / "queries.sql"
    file.write_text("-- clear --\n-- A write.\nDELETE FROM runs_lane RETURNING id")
    queries = Queries(file)
    queries.fetch("clear", {})
    with engine_pool().connection() as before:
        pass
    turned("on")
    with pytest.raises(psycopg.OperationalError):
        queries.fetch("clear", {})
    assert before.closed
    turning = elsewhere(lambda: turned("off"))
    assert queries.fetch("clear", {}, patience_s=30) == []
    turning.join()


def test_of_several_hosts_the_one_that_takes_writes_is_found(tmp_path: Path) -> None:
    logs = LogFiles(tmp_path / "log")
    standby = Postgres(tmp_path / "standby", durable=False)
    with Supervisor(logs.line, signals=False) as supervisor:
        supervisor.start(standby.child())
        with psycopg.connect(standby.url, autocommit=True) as admin:
            admin.execute("ALTER DATABASE batchgen SET default_transaction_read_only = on")
        hosts = [
            quote(str(conninfo_to_dict(url)["host"]), safe="") for url in (standby.url, server())
        ]
        url = server(dbname="batchgen").replace(hosts[1], ",".join(["%2Fnowhere", *hosts]))
        for attributes, expected in (("any", "on"), ("read-write", "off")):
            way = opened(f"{url}?target_session_attrs={attributes}", pooled=False)
            with closing(way), way.cursor() as cursor:
                cursor.execute("SHOW transaction_read_only")
                assert cursor.fetchone() == (expected,)
    standby.forget()
    logs.close()
