"""ATTACKED: somebody's day while another user does the worst that is allowed, all at once.

200 downloads and lists that nobody reads, 300 heads that never end, 60 urgent runs. The second
user signs in, starts a run of 6 epics and looks until it is done: alone, at the moment when all of
it begins, and while it lasts. Then she reads, beside the 200 that do not.
"""

import json
import math
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import httpx2
from django.contrib.auth.models import User
from rest_framework_simplejwt.tokens import AccessToken

from batchgen.local import stack
from batchgen.local.local_dir import free_port, scratch
from benchmarks import attackers, runs
from benchmarks.api_clients import Task
from benchmarks.backlogs import project_create
from benchmarks.bench import ROOT, Bench, python
from benchmarks.rows import Rows, Value
from benchmarks.simulated_provider import simulated_provider
from epics.bounds import TEXT_CHARS
from epics.models import Epic, Project
from runs.engine.start import RunOptions, run_start
from runs.models import RunItem
from runs.states import Pacing, Priority, RunStatus

_PER_MINUTE = 1200
_LATENCY_MS = 200
_THREADS = 20
_UNREAD = 200
_HALF_HEADS = 300
_RUNS, _EPICS_OF_A_RUN, _LANES_OF_A_RUN = 60, 100, 20
_EPICS, _LANES = 6, 3
#: So that an answer is larger than what any buffer takes.
_LONG_EPICS = 200
_LOOK_S = 0.05
_READ_S = 10
_PASSWORD = "bench-only"  # noqa: S105 - of a database that is thrown away


@dataclass(frozen=True, kw_only=True, slots=True)
class _Scene:
    """The web process, the two users, and what each has."""

    url: str
    attacker: User
    other: User
    #: Whose export and list are long.
    long: Project

    def unread(self) -> list[str]:
        """Heads of what nobody will read: downloads and lists."""
        token = str(AccessToken.for_user(self.attacker))
        paths = (f"projects/{self.long.pk}/export", f"projects/{self.long.pk}/epics?limit=200")
        return [attackers.asking(f"/api/v1/{path}", token) for path in paths] * (_UNREAD // 2)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Day:
    """Seconds from before the sign-in until each was over."""

    signed_in_s: float
    started_s: float
    done_s: float


_FIGURES = {"signed_in_s": "signed in, s", "started_s": "started, s", "done_s": "done, s"}


def run(bench: Bench) -> Rows:
    """Alone several times, attacked once from its first moment, and once more while it lasts."""
    bench.empty()
    with simulated_provider(bench, latency_ms=_LATENCY_MS) as provider, ExitStack() as opened:
        provider.configure(requests_per_minute=_PER_MINUTE, burst_s=1)
        settings = {"BATCHGEN_LIMIT_REQUESTS_PER_MINUTE": str(_PER_MINUTE)}
        opened.enter_context(
            bench.worker(threads=_THREADS, provider_url=provider.url, settings=settings)
        )
        scene = opened.enter_context(_scene(bench))
        _day(scene)  # the first requests of each process make what it keeps
        alone = [_day(scene) for _ in range(1 if bench.quick else bench.repeats)]
        alone_reads = _reads_ms(scene, bench)
        _urgent_runs(scene, bench)
        with attackers.opened(scene.url, *scene.unread(), *[attackers.HALF_HEAD] * _HALF_HEADS) as (
            clients
        ):
            at_once = _day(scene)
            refused = _UNREAD - attackers.begun(clients[:_UNREAD]).count(200)
            beside = _day(scene)
            beside_reads = _reads_ms(scene, bench)
    rows = [
        _row(
            figure,
            median(getattr(day, name) for day in alone),
            getattr(at_once, name),
            getattr(beside, name),
        )
        for name, figure in _FIGURES.items()
    ]
    for part in (0.5, 0.99):
        figure = f"reads, p{part * 100:g}, ms"
        rows.append(_row(figure, _part(alone_reads, part), None, _part(beside_reads, part)))
    return Rows(
        name="ATTACKED",
        title=f"{_UNREAD} unread, {_HALF_HEADS} half heads, {_RUNS} HIGH runs; a run of {_EPICS}",
        rows=rows,
        notes=[
            "wanted: done within 3 x alone, p99 of reads below 150 ms;",
            f"of the {_UNREAD} requests {refused} were refused",
        ],
    )


@contextmanager
def _scene(bench: Bench) -> Iterator[_Scene]:
    attacker, other = (
        User.objects.create_user(username=name, password=_PASSWORD) for name in ("mary", "lee")
    )
    long = _project(attacker, epics=_LONG_EPICS)
    Epic.objects.filter(project=long).update(description="x" * TEXT_CHARS)
    port = free_port()
    with bench.process(stack.web(bench.environment, "127.0.0.1", port)):
        url = stack.address("127.0.0.1", port)
        yield _Scene(url=url, attacker=attacker, other=other, long=long)


def _project(user: User, *, epics: int) -> Project:
    project = project_create(epics=epics)
    project.memberships.create(user=user, role="editor")
    return project


def _urgent_runs(scene: _Scene, bench: Bench) -> None:
    options = RunOptions(
        pacing_profile=Pacing.ADAPTIVE, max_concurrency=_LANES_OF_A_RUN, priority=Priority.HIGH
    )
    for _ in range(_RUNS):
        project = _project(scene.attacker, epics=bench.epics(_EPICS_OF_A_RUN))
        run_start(project=project, user=scene.attacker, options=options)
    done = RunItem.objects.filter(run__created_by=scene.attacker, completed_at__isnull=False)
    runs.await_count(done.count, _THREADS)


def _day(scene: _Scene) -> _Day:
    project = _project(scene.other, epics=_EPICS)
    credentials = {"username": scene.other.username, "password": _PASSWORD}
    body = {"pacingProfile": Pacing.ADAPTIVE, "maxConcurrency": _LANES}
    with httpx2.Client(base_url=f"{scene.url}/api/v1", trust_env=False, timeout=120) as client:
        began = time.monotonic()
        tokens = client.post("/auth/token", json=credentials).raise_for_status().json()["data"]
        signed_in_s = time.monotonic() - began
        client.headers["Authorization"] = f"Bearer {tokens['access']}"
        answer = client.post(f"/projects/{project.pk}/runs", json=body).raise_for_status()
        started_s = time.monotonic() - began
        path = f"/runs/{answer.json()['data']['runId']}"
        while (status := _status(client, path)) in ("QUEUED", "RUNNING"):
            time.sleep(_LOOK_S)
        done_s = time.monotonic() - began
    if status != RunStatus.SUCCEEDED:
        raise runs.DidNotFinish(f"The second user's run ended {status}.")
    return _Day(signed_in_s=signed_in_s, started_s=started_s, done_s=done_s)


def _status(client: httpx2.Client, path: str) -> str:
    return str(client.get(path).raise_for_status().json()["data"]["status"])


def _reads_ms(scene: _Scene, bench: Bench) -> list[float]:
    """Of the second user's lists and details, one after the other."""
    project = Project.objects.filter(memberships__user=scene.other).latest("created_at")
    path = f"/api/v1/projects/{project.pk}"
    with scratch() as place:
        task = Task(
            host="127.0.0.1",
            ports=[int(scene.url.rpartition(":")[2])],
            tokens=[str(AccessToken.for_user(scene.other))],
            requests={"all": ["/api/v1/projects", path, f"{path}/epics", f"{path}/stories"]},
            seconds=_READ_S / (10 if bench.quick else 1),
            pace_s=_LOOK_S,
            out=str(place / "found.json"),
        )
        (place / "task.json").write_text(json.dumps(asdict(task)))
        command = python("benchmarks.api_clients", str(place / "task.json"))
        subprocess.run(command, cwd=ROOT, check=True)
        found = json.loads(Path(task.out).read_text())
    if found["wrong"]:
        raise runs.DidNotFinish(f"{len(found['wrong'])} reads failed, as {found['wrong'][0]}.")
    return [seconds * 1000 for seconds in found["seconds"]["all"]]


def _part(values: list[float], part: float) -> float:
    """The smallest that at least this part do not exceed."""
    return sorted(values)[max(0, math.ceil(part * len(values)) - 1)]


def _row(name: str, alone: float, at_once: float | None, beside: float) -> dict[str, Value]:
    return {
        "figure": name,
        "alone": alone,
        "as it begins": at_once,
        "ratio": at_once and at_once / alone,
        "while it lasts": beside,
        "its ratio": beside / alone,
    }
