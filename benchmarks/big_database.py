"""BIG: 1,000,000 stories, 100,000 epics of runs, 1,000 runs; 20 clients read every list and detail.

What 20 clients are is a question of how long they think. Measured are four answers: one client
that never pauses, whose times are those of the requests themselves; 20 that ask once a second, as
pages do that show a run and are clicked through; 20 that ask every 250 ms; and 20 that never
pause, which says how many requests the cores can answer: each then waits for nineteen others.
"""

import json
import math
import os
import subprocess
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median

import httpx2

from batchgen.local import stack
from batchgen.local.local_dir import free_port, scratch
from benchmarks import runs
from benchmarks.api_clients import Task
from benchmarks.backlogs import project_create
from benchmarks.bench import ROOT, Bench, python
from benchmarks.big_backlog import CLIENT_PASSWORD, client_names, database_fill
from benchmarks.big_requests import Requests, requests
from benchmarks.processes import Tree, cpu_by_name
from benchmarks.rows import Rows, Value, spread
from epics.models import Project

_CLIENTS = 20
_STARTED_EPICS = 1000
_STARTS = 10
_LANES = 10
_ALL = "all"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Load:
    """So many clients, and how long each waits from one request to its next."""

    clients: int
    pace_s: float
    seconds: float


_LOADS = {
    "alone": _Load(clients=1, pace_s=0, seconds=20),
    "1 s": _Load(clients=_CLIENTS, pace_s=1, seconds=45),
    "250 ms": _Load(clients=_CLIENTS, pace_s=0.25, seconds=45),
    "no pause": _Load(clients=_CLIENTS, pace_s=0, seconds=20),
}
_WARM_UP = _Load(clients=_CLIENTS, pace_s=0.25, seconds=15)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Web:
    """The web processes, one a core, and whose CPU is told."""

    ports: Sequence[int]
    trees: Mapping[str, Tree]
    client: httpx2.Client

    def tokens(self) -> list[str]:
        """The clients', each signed in anew: they last for a quarter of an hour."""
        return [_token(self.client, name) for name in client_names(_CLIENTS)]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Round:
    """One measurement of a load."""

    #: {request: milliseconds of each answer, in order}; all of them under `_ALL`.
    answers_ms: Mapping[str, Sequence[float]]
    per_s: float
    #: {process: CPU milliseconds of one request}.
    cpu_ms: Mapping[str, float]


def run(bench: Bench) -> Rows:
    """All loads in turns, and starts of runs after each turn."""
    share = 10 if bench.quick else 1
    bench.empty()
    database_fill(share=share)
    rounds: dict[str, list[_Round]] = defaultdict(list)
    starts_ms: list[list[float]] = []
    with _web(bench) as web:
        asked, project = requests(), project_create(epics=bench.epics(_STARTED_EPICS))
        _round(web, asked, web.tokens(), _WARM_UP)
        for _ in range(1 if bench.quick else bench.repeats):
            tokens = web.tokens()
            for name, load in _LOADS.items():
                seconds = load.seconds / share
                found = _round(web, asked, tokens, replace(load, seconds=seconds))
                rounds[name].append(found)
            starts_ms.append(sorted(_starts_ms(web, tokens[-1], project)))
    return Rows(
        name="BIG",
        title=f"{len(asked)} reads of a large database, {_CLIENTS} clients; answers, ms",
        rows=[_row(request, rounds) for request in (_ALL, *asked)],
        notes=[
            *(_note(name, found) for name, found in rounds.items()),
            (
                f"start of a run of {project.epics.count()} epics: "
                f"p50 {spread([median(each) for each in starts_ms], 0)} ms, "
                f"longest {spread([each[-1] for each in starts_ms], 0)} ms; wanted: below 300"
            ),
            "wanted of the reads: p99 below 100 ms",
        ],
    )


@contextmanager
def _web(bench: Bench) -> Iterator[_Web]:
    ports = [free_port() for _ in range(os.cpu_count() or 1)]
    url = f"{stack.address('127.0.0.1', ports[0])}/api/v1"
    with ExitStack() as opened:
        webs = {
            f"web {number}": opened.enter_context(
                bench.process(stack.web(bench.environment, "127.0.0.1", port))
            )
            for number, port in enumerate(ports, 1)
        }
        client = opened.enter_context(httpx2.Client(base_url=url, trust_env=False, timeout=30))
        yield _Web(ports=ports, trees={**webs, **bench.servers()}, client=client)


def _token(client: httpx2.Client, name: str) -> str:
    answer = client.post("/auth/token", json={"username": name, "password": CLIENT_PASSWORD})
    token: str = answer.raise_for_status().json()["data"]["access"]
    return token


def _round(web: _Web, asked: Requests, tokens: list[str], load: _Load) -> _Round:
    with scratch() as place:
        task = Task(
            host="127.0.0.1",
            ports=list(web.ports),
            tokens=tokens[: load.clients],
            requests=asked,
            seconds=load.seconds,
            pace_s=load.pace_s,
            out=str(place / "found.json"),
        )
        (place / "task.json").write_text(json.dumps(asdict(task)))
        before = cpu_by_name(web.trees)
        command = python("benchmarks.api_clients", str(place / "task.json"))
        subprocess.run(command, cwd=ROOT, check=True)
        after = cpu_by_name(web.trees)
        found = json.loads(Path(task.out).read_text())
    if found["wrong"]:
        raise runs.DidNotFinish(f"{len(found['wrong'])} reads failed, as {found['wrong'][0]}.")
    answers_ms = {name: [s * 1000 for s in each] for name, each in found["seconds"].items()}
    answers_ms[_ALL] = [ms for each in answers_ms.values() for ms in each]
    count = len(answers_ms[_ALL])
    cpu_s = {name: after[name] - before[name] for name in web.trees} | {"clients": found["cpu_s"]}
    return _Round(
        answers_ms={name: sorted(each) for name, each in answers_ms.items()},
        per_s=count / found["elapsed_s"],
        cpu_ms={name: seconds * 1000 / count for name, seconds in cpu_s.items()},
    )


def _starts_ms(web: _Web, token: str, project: Project) -> Iterator[float]:
    signed_in = {"Authorization": f"Bearer {token}"}
    for _ in range(_STARTS):
        asked = time.monotonic()
        answer = web.client.post(
            f"/projects/{project.pk}/runs", json={"maxConcurrency": _LANES}, headers=signed_in
        )
        yield (time.monotonic() - asked) * 1000
        run_id = answer.raise_for_status().json()["data"]["runId"]
        web.client.post(f"/runs/{run_id}/cancel", headers=signed_in).raise_for_status()


def _row(request: str, rounds: Mapping[str, Sequence[_Round]]) -> dict[str, Value]:
    row: dict[str, Value] = {"reads": request}
    for name, found in rounds.items():
        given = [each.answers_ms[request] for each in found if request in each.answers_ms]
        row[f"{name}: p50"] = _figure(given, 0.5)
        row[f"{name}: p99"] = _figure(given, 0.99)
    return row


def _figure(given: Sequence[Sequence[float]], part: float) -> Value:
    """Of each measurement the smallest answer that at least this part do not exceed."""
    if not given:
        return None
    return spread([each[max(0, math.ceil(part * len(each)) - 1)] for each in given], 0)


def _note(name: str, found: Sequence[_Round]) -> str:
    load = _LOADS[name]
    cpu = ", ".join(
        f"{process} {spread([each.cpu_ms[process] for each in found], 1)}"
        for process in found[0].cpu_ms
    )
    p95 = _figure([each.answers_ms[_ALL] for each in found], 0.95)
    return (
        f"{name}: {load.clients} client{'s' * (load.clients > 1)}, p95 {p95}, "
        f"{spread([each.per_s for each in found], 0)} requests/s; CPU ms a request: {cpu}"
    )
