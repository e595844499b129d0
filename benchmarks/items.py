"""ITEMS: what people do to the items of a run of 1,000 epics, over HTTP, one after the other.

The run goes on meanwhile: a worker takes its items, with calls of 1 s on 20 lanes.
"""

import time
from collections.abc import Iterable, Iterator
from random import Random

import httpx2

from benchmarks import runs
from benchmarks.backlogs import project_create
from benchmarks.bench import Bench
from benchmarks.rows import Rows
from benchmarks.simulated_provider import simulated_provider
from benchmarks.web import signed_in
from epics.models import Epic, Project
from runs.models import Run, RunItem
from runs.states import ItemStatus

_EPICS = 1000
_LANES = 20
_LATENCY_MS = 1000
_TIMES = 200
_SEED = 1
_LATEST_MS = 100


def run(bench: Bench) -> Rows:
    """Milliseconds of each kind of request."""
    times = bench.epics(_TIMES)
    found: dict[str, list[float]] = {}
    with (
        simulated_provider(bench, latency_ms=_LATENCY_MS) as provider,
        bench.worker(threads=_LANES, provider_url=provider.url),
        signed_in(bench) as client,
    ):
        started = runs.start(project_create(epics=_EPICS), lanes=_LANES)
        for what, requests in _requests(started, times).items():
            found[what] = [_answered_ms(client, request) for request in requests]
        Run.objects.filter(id=started.id).delete()
    return Rows(
        name="ITEMS",
        title=f"requests on a run of {_EPICS} items that goes on, {times} of each",
        rows=[
            {"what": what, **{f"p{part * 100:g}, ms": _part(ms, part) for part in (0.5, 0.99, 1)}}
            for what, ms in found.items()
        ],
        notes=[f"wanted: p99 below {_LATEST_MS} ms"],
    )


#: Method, path below /api/v1, and body.
_Request = tuple[str, str, object]


def _requests(started: Run, times: int) -> dict[str, Iterable[_Request]]:
    random = Random(_SEED)
    waiting = list(
        RunItem.objects.filter(run=started, status=ItemStatus.PENDING, lane=None)
        .order_by("-order")
        .values_list("id", flat=True)[: 2 * times]
    )
    path = f"/runs/{started.id}"
    return {
        "priority": (
            ("PATCH", f"{path}/items/{item}", {"priority": random.randint(0, 10)})
            for item in waiting[:times]
        ),
        "cancel": (("POST", f"{path}/epics/{item}/cancel", {}) for item in waiting[times:]),
        "add one": (
            ("POST", f"{path}/items", {"targetIds": [epic]})
            for epic in _more(started.project, times)
        ),
        "list": [("GET", f"{path}/items?limit=200", None)] * times,
    }


def _more(project: Project, count: int) -> Iterator[str]:
    for number in range(count):
        code = f"M{number}"
        yield str(Epic.objects.create(project=project, code=code, order=9999, title=code).pk)


def _answered_ms(client: httpx2.Client, request: _Request) -> float:
    began = time.perf_counter()
    method, path, body = request
    client.request(method, path, json=body).raise_for_status()
    return (time.perf_counter() - began) * 1000


def _part(values: list[float], part: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]
