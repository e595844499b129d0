"""Clients that are many, slow, stalled, or not allowed (any more); and the end of the server."""

import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from random import Random
from urllib.parse import urlsplit

import httpx2
import psutil
import pytest
from django.conf import settings
from django.db import connection, transaction
from django.test import Client
from rest_framework_simplejwt.tokens import AccessToken

from epics.models import Membership
from runs.models import Run, RunLog
from tests.acceptance.fleet import wait_for
from tests.acceptance.live.web import Starter, Web
from tests.acceptance.live.work import work
from tests.factories import member_make
from tests.integration.engine.world import World

pytestmark = [pytest.mark.django_db(transaction=True)]


def test_a_viewer_is_offered_what_the_api_offers_it(web: Web, world: World) -> None:
    for user in (web.user, member_make(world.run.project, "viewer")):
        stream = web.watch(world.run, token=web.token(user))
        stream.wait_for("run")
        work(world, 1)
        stream.wait_for("run", 2)
        read = web.call("GET", f"/runs/{world.run.id}", user=user).json()["data"]
        assert read["controls"] == (["pause", "cancel"] if user == web.user else [])
        assert [run for run in stream.of("run") if run["controls"] != read["controls"]] == []
        stream.close()


def test_streams_hold_no_connection_and_no_thread(starter: Starter, world: World) -> None:
    web = starter(world, BATCHGEN_DATABASE_POOL_SIZE="2")
    process = psutil.Process(web.running.process.pid)
    first = web.watch(world.run)
    first.wait_for("run")
    threads = process.num_threads()
    watchers = [web.watch(world.run) for _ in range(30)]
    for watcher in watchers:
        watcher.wait_for("run")
    for _ in range(10):
        assert web.call("GET", f"/runs/{world.run.id}").status_code == 200
    # Those that opened at once may have left theirs for later requests; the others are gone.
    wait_for(lambda: process.num_threads() < threads + 15, "fewer threads than streams")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid() AND state <> 'idle' AND xact_start IS NOT NULL"
            " AND state_change < now() - interval '1 second'"
        )
        assert cursor.fetchone() == (0,)
    for watcher in (first, *watchers):
        watcher.close()


def test_a_crowd_of_requests_takes_no_thread_each(starter: Starter, world: World) -> None:
    web = starter(world, BATCHGEN_DATABASE_POOL_SIZE="2")
    process = psutil.Process(web.running.process.pid)
    assert web.call("GET", f"/runs/{world.run.id}").status_code == 200
    threads = process.num_threads()

    def connected() -> int:
        return sum(
            each.status == psutil.CONN_ESTABLISHED and each.laddr.port == urlsplit(web.url).port
            for each in process.net_connections("tcp")
        )

    with ThreadPoolExecutor(40) as clients:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("LOCK TABLE runs_run")
            asked = [clients.submit(web.call, "GET", f"/runs/{world.run.id}") for _ in range(40)]
            wait_for(lambda: connected() >= 40, "all requests there")
            assert process.num_threads() < threads + 15
        assert {each.result().status_code for each in asked} == {200}


def test_a_probe_is_answered_while_all_turns_are_taken(starter: Starter, world: World) -> None:
    web = starter(world, BATCHGEN_DATABASE_POOL_SIZE="2")
    path = f"/runs/{world.run.id}"
    users = (web.user, member_make(world.run.project, "viewer"))
    with ThreadPoolExecutor(2) as clients:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("LOCK TABLE runs_run")
            asked = [clients.submit(web.call, "GET", path, user=user) for user in users]
            wait_for(lambda: _waiting_for_a_lock() == 2, "all turns taken")
            assert httpx2.get(f"{web.url}/healthz", trust_env=False, timeout=5).status_code == 200
        assert {each.result().status_code for each in asked} == {200}


def test_clients_that_hang_up_at_any_moment_take_nothing_with_them(
    starter: Starter, world: World
) -> None:
    web = starter(world, BATCHGEN_DATABASE_POOL_SIZE="2")
    path, end = f"/runs/{world.run.id}", time.monotonic() + 4

    def hang_up_again_and_again(number: int) -> None:
        random = Random(number)
        while time.monotonic() < end:
            asked(web, path).close() if random.random() < 0.2 else _hang_up(web, path, random)

    with ThreadPoolExecutor(12) as clients:
        list(clients.map(hang_up_again_and_again, range(12)))
    users = (web.user, member_make(world.run.project, "viewer"))
    assert [web.call("GET", path, user=user).status_code for user in users] == [200, 200]
    assert [line for line in web.running.lines if "Exception" in line] == []


def _hang_up(web: Web, path: str, random: Random) -> None:
    """At a moment of the answer's making."""
    client = asked(web, path)
    client.settimeout(random.uniform(0.001, 0.05))
    with client, suppress(TimeoutError):
        client.recv(100)


def asked(web: Web, path: str, *, buffer_bytes: int | None = None) -> socket.socket:
    """A connection with a request on it; the system reads ahead for it so far."""
    address = urlsplit(web.url)
    client = socket.socket()
    if buffer_bytes is not None:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_bytes)
    client.connect((address.hostname, address.port))
    head = f"GET /api/v1{path} HTTP/1.1\r\nHost: {address.netloc}\r\n"
    client.sendall(f"{head}Authorization: Bearer {web.token()}\r\n\r\n".encode())
    return client


def _waiting_for_a_lock() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return int(cursor.fetchone()[0])


def test_a_stop_ends_open_streams_within_three_seconds(starter: Starter, world: World) -> None:
    web = starter(world)
    watchers = [web.watch(world.run) for _ in range(10)]
    for watcher in watchers:
        watcher.wait_for("run")
    asked = time.monotonic()
    web.running.process.send_signal(signal.SIGTERM)
    web.running.process.wait(10)
    assert time.monotonic() - asked < 3
    assert "Cancel" not in "".join(web.running.lines)
    for watcher in watchers:
        watcher.close()


def stalled(web: Web, run: Run) -> socket.socket:
    """A client that opens a stream and then does not read."""
    client = asked(web, f"/runs/{run.id}/events", buffer_bytes=4096)
    assert client.recv(100).startswith(b"HTTP/1.1 200")
    return client


def write_lines(run: Run, *, mb: int) -> None:
    """Fill the run's log."""
    for _ in range(mb * 5):
        RunLog.objects.bulk_create(RunLog(run=run, message="x" * 10_000) for _ in range(20))
        time.sleep(0.05)


def test_a_client_that_does_not_read_costs_little_and_gets_a_reset(
    starter: Starter, world: World
) -> None:
    web = starter(world, BATCHGEN_LIVE_STREAMS_PER_USER="2")
    watcher = web.watch(world.run)
    watcher.wait_for("run")
    process = psutil.Process(web.running.process.pid)
    slow = stalled(web, world.run)
    before = process.memory_info().rss
    write_lines(world.run, mb=16)
    watcher.wait(lambda: len(watcher.of("log")) >= 1600, "all lines")
    assert not watcher.of("reset")
    assert process.memory_info().rss - before < 40_000_000
    assert web.call("GET", f"/runs/{world.run.id}/events").status_code == 429
    slow.settimeout(20)
    read = b""
    while b"event: reset" not in read:
        read = read[-100:] + slow.recv(65536)
    slow.close()
    wait_for(lambda: web.opens(world.run) == 200, "its place is free again")
    watcher.close()


def test_a_stalled_client_does_not_hold_up_a_stop(starter: Starter, world: World) -> None:
    web = starter(world)
    slow = stalled(web, world.run)
    write_lines(world.run, mb=12)
    asked = time.monotonic()
    web.running.process.send_signal(signal.SIGTERM)
    web.running.process.wait(10)
    assert time.monotonic() - asked < 3
    slow.close()


def test_who_is_removed_from_the_project_is_cut_off(starter: Starter, world: World) -> None:
    web = starter(world, BATCHGEN_LIVE_CHECK_S="0.2")
    viewer = member_make(world.run.project, "viewer")
    watcher = web.watch(world.run, token=web.token(viewer))
    watcher.wait_for("run")
    Membership.objects.filter(user=viewer).delete()
    watcher.wait_over()
    assert watcher.statuses == [200, 404]


def test_a_stream_ends_with_its_token(web: Web, world: World) -> None:
    token = AccessToken.for_user(web.user)
    leeway_s = settings.SIMPLE_JWT["LEEWAY"]
    assert isinstance(leeway_s, int)
    token.set_exp(lifetime=timedelta(seconds=2 - leeway_s))
    watcher = web.watch(world.run, token=str(token))
    watcher.wait_for("run")
    watcher.wait_over()
    assert watcher.statuses == [200, 401]


def test_a_session_and_a_ticket_open_streams_too(web: Web, world: World) -> None:
    browser = Client()
    browser.force_login(web.user)
    cookie = {"Cookie": f"sessionid={browser.cookies['sessionid'].value}"}
    with httpx2.stream("GET", web.events(world.run), headers=cookie, trust_env=False) as opened:
        assert opened.status_code == 200
    ticket = web.call("POST", f"/runs/{world.run.id}/stream-ticket").json()["data"]["ticket"]
    watcher = web.watch(world.run, token="", ticket=ticket)
    watcher.wait_for("run")
    watcher.close()
    assert (
        httpx2.get(web.events(world.run), params={"ticket": ticket}, trust_env=False).status_code
        == 401
    )
