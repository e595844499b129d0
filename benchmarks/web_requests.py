"""WEB: what single requests cost the web process, one after the other over one connection.

With `BENCHMARK_BESIDE=DIR` the web process of another checkout of batchgen, on the same database,
takes turns with this one's: whatever else the machine does, both have it.
"""

import os
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import cycle, islice
from pathlib import Path
from statistics import mean, median

import httpx2
from django.contrib.auth.models import User

from batchgen.local import stack
from batchgen.local.local_dir import free_port
from benchmarks.backlogs import project_create
from benchmarks.bench import ROOT, Bench
from benchmarks.big_backlog import CLIENT_PASSWORD, client_names, database_fill
from benchmarks.big_requests import Requests, requests
from benchmarks.processes import Tree, cpu_by_name
from benchmarks.rows import Rows, Value, spread
from epics.access import Role
from epics.models import Membership, Project, Story
from runs.models import Run

_SHARE = 20
_TIMES = 100
_STARTED_EPICS = 10
_HEALTH = "health"
#: Of BIG's reads.
_READS = (
    *("project", "epics", "stories", "story", "member"),
    *("runs", "run", "progress", "log", "queue"),
)
#: Method, path, and body.
_Request = tuple[str, str, object]
#: {web process: of each round {figure: milliseconds of one request}}.
_Rounds = dict[str, list[dict[str, float]]]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Web:
    """A web process, and whose CPU is told."""

    trees: Mapping[str, Tree]
    client: httpx2.Client


def run(bench: Bench) -> Rows:
    """Each kind of request in turns of the web processes."""
    bench.empty()
    database_fill(share=_SHARE)
    kinds, times = _kinds(), bench.epics(_TIMES)
    found: dict[str, _Rounds] = defaultdict(lambda: defaultdict(list))
    with ExitStack() as opened:
        webs = {name: _web(bench, root, opened) for name, root in _roots().items()}
        for place in range((1 if bench.quick else bench.repeats) + 1):
            for kind, asked in kinds.items():
                for name, web in webs.items():
                    figures = _figures(web, islice(asked, times))
                    if place:  # the first round warms up
                        found[kind][name].append(figures)
    return Rows(
        name="WEB",
        title=f"CPU ms a request, and its time from outside, ms; {times} of each in turn",
        rows=[
            *({"request": kind, **_columns(found[kind])} for kind in kinds),
            {"request": "all alike", **_columns(_all_alike(found))},
        ],
    )


def _roots() -> dict[str, Path]:
    beside = os.environ.get("BENCHMARK_BESIDE")
    return {**({"beside": Path(beside)} if beside else {}), "web": ROOT}


def _web(bench: Bench, root: Path, opened: ExitStack) -> _Web:
    port = free_port()
    child = replace(stack.web(bench.environment, "127.0.0.1", port), cwd=root)
    tree = opened.enter_context(bench.process(child))
    url = stack.address("127.0.0.1", port)
    client = opened.enter_context(httpx2.Client(base_url=url, trust_env=False, timeout=30))
    user = {"username": client_names(1)[0], "password": CLIENT_PASSWORD}
    answer = client.post("/api/v1/auth/token", json=user).raise_for_status()
    client.headers["Authorization"] = f"Bearer {answer.json()['data']['access']}"
    postgresql = bench.servers()["PostgreSQL"]
    return _Web(trees={"web": tree, "PostgreSQL": postgresql}, client=client)


def _kinds() -> dict[str, Iterator[_Request]]:
    """{name: requests without end}."""
    big = requests()
    return {
        _HEALTH: cycle([("GET", "/healthz", None)]),
        **{name: _reads(big, name) for name in _READS},
        "items": _items(),
        "change of a story": _patches(),
        "start and cancel": _starts(),
    }


def _reads(big: Requests, name: str) -> Iterator[_Request]:
    return cycle([("GET", address, None) for address in big[name]])


def _items() -> Iterator[_Request]:
    largest = Run.objects.order_by("-total_items").values_list("pk", flat=True)[0]
    return cycle([("GET", f"/api/v1/runs/{largest}/items", None)])


def _patches() -> Iterator[_Request]:
    """Each of another story: a change names the version."""
    large = Project.objects.earliest("created_at")
    for story in Story.objects.filter(project=large).order_by("pk").values_list("pk", flat=True):
        changes = {"title": "Print the delivery notes of Lyon", "version": 1}
        yield "PATCH", f"/api/v1/stories/{story}", changes


def _starts() -> Iterator[_Request]:
    """The run is not known before it is started: it is cancelled as the project's latest."""
    project = project_create(epics=_STARTED_EPICS)
    user = User.objects.get(username=client_names(1)[0])
    Membership.objects.create(project=project, user=user, role=Role.EDITOR)
    while True:
        yield "POST", f"/api/v1/projects/{project.pk}/runs", {"maxConcurrency": 5}
        run_id = Run.objects.filter(project=project).latest("created_at").pk
        yield "POST", f"/api/v1/runs/{run_id}/cancel", {}


def _figures(web: _Web, asked: Iterable[_Request]) -> dict[str, float]:
    seconds = []
    before = cpu_by_name(web.trees)
    for method, path, body in asked:
        began = time.perf_counter()
        web.client.request(method, path, json=body).raise_for_status()
        seconds.append(time.perf_counter() - began)
    after = cpu_by_name(web.trees)
    cpu_ms = {name: (after[name] - before[name]) * 1000 / len(seconds) for name in web.trees}
    return {**{f"CPU {name}": ms for name, ms in cpu_ms.items()}, "p50": median(seconds) * 1000}


def _all_alike(found: Mapping[str, _Rounds]) -> _Rounds:
    """The mean over the kinds, of each round."""
    kinds = list(found.values())
    return {
        name: [
            {figure: mean(each[figure] for each in of_kinds) for figure in of_kinds[0]}
            for of_kinds in zip(*(kind[name] for kind in kinds), strict=True)
        ]
        for name in kinds[0]
    }


def _columns(rounds: _Rounds) -> dict[str, Value]:
    return {
        f"{name}: {figure}": spread([each[figure] for each in of_web], 1)
        for name, of_web in rounds.items()
        for figure in of_web[0]
    }
