"""`manage.py migrate` beside a program that works."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from batchgen.db.postgresql import migrating
from batchgen.db.postgresql.compatibility import connect
from batchgen.db.postgresql.migrating import TableKept, one_at_a_time, patiently
from tests.acceptance.fleet import wait_for
from tests.database import migrated_back

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    monkeypatch.setattr(migrating, "TRIES", 2)
    monkeypatch.setattr(migrating, "_PAUSE_S", 0)
    settings.MIGRATION_LOCK_S = 0.5


@contextmanager
def keeper(table: str, mode: str = "ACCESS SHARE") -> Iterator[tuple[psycopg.Connection, int]]:
    """Somebody who has read the table, or written to it, and whose transaction stays open."""
    with connect() as opened, opened.transaction():
        opened.execute(f"LOCK TABLE {table} IN {mode} MODE")
        row = opened.execute("SELECT pg_backend_pid()").fetchone()
        assert row
        yield opened, row[0]


def alter() -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("LOCK TABLE runs_worker IN ACCESS EXCLUSIVE MODE")


def test_whoever_keeps_a_table_is_named_while_and_after_it_is_waited_for() -> None:
    said: list[str] = []
    with (
        keeper("runs_worker") as (_, pid),
        pytest.raises(TableKept, match=rf"process {pid} .*idle in transaction.*End what") as kept,
    ):
        patiently(alter, wait_s=0.5, say=said.append)
    named = f"runs_worker is held by process {pid} "
    assert str(kept.value).startswith(f"A table was not to be had within 0.5 s. {named}")
    # While it was waited for, after the first try, and while it was again.
    assert [named in each for each in said] == [True] * 3


def test_once_the_table_is_free_it_is_tried_again() -> None:
    tried: list[bool] = []
    with connect() as opened:
        opened.execute("BEGIN")
        opened.execute("SELECT FROM runs_worker")

        def say(text: str) -> None:
            if "tried again" in text:
                opened.execute("ROLLBACK")

        def tell_and_alter() -> None:
            tried.append(True)
            alter()

        patiently(tell_and_alter, wait_s=0.5, say=say)
    assert len(tried) == 2
    with connection.cursor() as cursor:
        cursor.execute("SHOW lock_timeout")
        assert cursor.fetchone() == ("0",), "others wait as they did before"


def test_an_index_that_is_built_beside_everybody_waits_for_who_began_before() -> None:
    done = threading.Event()
    said: list[str] = []

    def build() -> None:
        with connection.cursor() as cursor:
            cursor.execute("CREATE INDEX CONCURRENTLY brief ON runs_worker (name)")
            cursor.execute("DROP INDEX CONCURRENTLY brief")
        connection.close()
        done.set()

    with keeper("runs_worker", "ROW EXCLUSIVE"), connect() as looking:
        quick = {"wait_s": 0.1, "say": said.append}
        building = threading.Thread(target=patiently, args=(build,), kwargs=quick)
        building.start()
        waiting = (
            "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'CREATE%'"
            " AND clock_timestamp() - query_start > '1 s'"
        )
        wait_for(
            lambda: looking.execute(waiting).fetchone() is not None,
            "it waits for longer",
            timeout_s=15,
        )
        assert not done.is_set()
    building.join(20)
    assert done.is_set()
    assert not said


def test_it_may_take_as_long_as_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    session = connection.settings_dict["SESSION"]
    monkeypatch.setitem(session, "idle_in_transaction_session_timeout", "300ms")
    with one_at_a_time(print), connect() as looking:
        held = "SELECT FROM pg_stat_activity WHERE state = 'idle in transaction'"
        looking.execute("SELECT pg_sleep(0.6)")
        assert looking.execute(held).fetchone() is not None


def test_a_second_process_waits_for_the_first_and_says_so() -> None:
    said: list[str] = []
    through = threading.Event()

    def second() -> None:
        with one_at_a_time(said.append):
            through.set()

    with one_at_a_time(said.append):
        assert not said
        waiting = threading.Thread(target=second)
        waiting.start()
        wait_for(lambda: said, "it says so", timeout_s=15)
        assert not through.is_set()
    waiting.join(20)
    assert through.is_set()
    assert said == ["Another `manage.py migrate` is under way. Waiting for its end."]


def test_the_command_says_who_and_goes_on_the_next_time() -> None:
    with migrated_back(("runs", "0031_budgets_in_order")):
        with (
            keeper("runs_providerbatch") as (_, pid),
            pytest.raises(CommandError, match=rf"runs_providerbatch is held by process {pid} "),
        ):
            call_command("migrate", stdout=StringIO())
        told = StringIO()
        call_command("migrate", stdout=told)
        assert "runs.0032" in told.getvalue()
