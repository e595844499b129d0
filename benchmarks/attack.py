"""ATTACK: what the costliest requests of one signed-in user cost the web process.

Each request is made in a process of its own, forked from one that has answered before, so that its
CPU and the growth of its memory are its own. PostgreSQL's share is not in them.
"""

import json
import logging
import os
import resource
import time
from collections.abc import Callable
from itertools import chain

from django.contrib.auth.models import User
from django.db import connections
from django.db.backends.postgresql.base import DatabaseWrapper
from django.test import Client

from batchgen.db.pools import close_engine_pool
from benchmarks.attack_bodies import Attack, attacks, largest_backlog
from benchmarks.attack_writes import writes
from benchmarks.bench import Bench
from benchmarks.rows import Rows, Value
from epics.files.backlog_import import backlog_import

_SHOWN = 10
_OK = 200
_FAILED = 500
_MOST_CPU_S = 1.0
_MOST_MB = 50.0
#: Growth of a process's memory is told in so many bytes.
_KILOBYTE = 1024


def run(bench: Bench) -> Rows:
    """The ten that cost most, by CPU; `--quick` takes a tenth of the backlog."""
    bench.empty()
    user = User.objects.create_user(username="attacker", password="bench-only")  # noqa: S106 - of a database that is thrown away
    backlog = largest_backlog(share=10 if bench.quick else 1)
    project = backlog_import(user=user, document=backlog)
    _client(user)
    worst = chain(attacks(project=project, backlog=backlog), writes(project=project, user=user))
    found = [_measured(attack, user) for attack in worst]
    found.sort(key=lambda row: float(row["CPU s"] or 0), reverse=True)
    beyond = [
        str(row["request"])
        for row in found
        if float(row["CPU s"] or 0) > _MOST_CPU_S or float(row["MB"] or 0) > _MOST_MB
    ]
    notes = [
        f"{len(found)} requests; the goal: {_MOST_CPU_S:.0f} s of CPU and {_MOST_MB:.0f} MB each.",
        f"Beyond it: {', '.join(beyond)}." if beyond else "All are within it.",
        *(f"Failed: {row['request']}." for row in found if int(row["status"] or 0) >= _FAILED),
    ]
    return Rows(name="ATTACK", title="costliest requests", rows=found[:_SHOWN], notes=notes)


def _measured(attack: Attack, user: User) -> dict[str, Value]:
    status, sent, seconds, megabytes = _forked(lambda: _asked(attack, user))
    return {
        "request": attack.name,
        "status": status,
        "answer kB": round(sent / 1000),
        "CPU s": round(seconds, 2),
        "MB": round(megabytes, 1),
    }


def _asked(attack: Attack, user: User) -> tuple[int, int, float, float]:
    logging.disable()
    client = _client(user)
    begun_s, before = time.process_time(), _peak_bytes()
    answer = client.generic(
        attack.method, attack.path, attack.body, content_type="application/json"
    )
    sent = sum(map(len, answer))
    seconds = time.process_time() - begun_s
    return answer.status_code, sent, seconds, (_peak_bytes() - before) / 1e6


def _client(user: User) -> Client:
    """A client that has asked once, so that what is made at the first request is there."""
    client = Client(raise_request_exception=False, SERVER_NAME="127.0.0.1")
    client.force_login(user)
    if client.get("/api/v1/projects").status_code != _OK:
        raise RuntimeError("the first request was refused")
    return client


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _KILOBYTE


def _forked(work: Callable[[], tuple[int, int, float, float]]) -> tuple[int, int, float, float]:
    """What the work gives in a process of its own, which has no connection of ours."""
    connections.close_all()
    database = connections["default"]
    if isinstance(database, DatabaseWrapper):
        database.close_pool()
    close_engine_pool()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writing, json.dumps(work()).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as told:
        raw = told.read()
    os.waitpid(child, 0)
    if not raw:
        raise RuntimeError("the request ended its process")
    status, sent, seconds, megabytes = json.loads(raw)
    return status, sent, seconds, megabytes
