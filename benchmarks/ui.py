"""UI: the pages in a real browser, beside their budgets.

A web process, a worker, the simulator and the system's Chromium share the machine. What a page
weighs is told compressed, as a production server sends it; it is loaded as this server sends it,
which compresses the HTML alone.
"""

from collections.abc import Mapping
from contextlib import ExitStack
from statistics import quantiles

from batchgen.local import stack
from batchgen.local.local_dir import free_port
from benchmarks import runs, ui_live
from benchmarks.backlogs import project_create
from benchmarks.bench import Bench
from benchmarks.chromium import chromium
from benchmarks.rows import Rows, Value
from benchmarks.simulated_provider import simulated_provider
from benchmarks.ui_live import Figures, Servers
from benchmarks.ui_site import Site
from epics.models import Project, Story
from runs.models import Run

_EPICS, _LANES = 50, 5
_LOADS = 5
#: So long that the run goes on while its pages are looked at.
_LATENCY_MS = 30_000
_BUDGETS: dict[str, Value] = {
    "HTML kB": 12,
    "scripts kB": 20,
    "styles kB": 10,
    "LCP p75 ms": 1500,
    "shift": 0.05,
}


def run(bench: Bench) -> Rows:
    """Weigh and load each page, then work with a run's."""
    bench.empty()
    servers = Servers(bench=bench, port=free_port())
    with ExitStack() as opened:
        pid = opened.enter_context(servers.one())
        browser = opened.enter_context(chromium())
        site = Site.of(browser, stack.address("127.0.0.1", servers.port))
        rows, figures = _with_a_worker(bench, site)
        share = 10 if bench.quick else 1
        figures |= ui_live.rows(bench, site, seconds=30 / share)
        figures |= ui_live.busy(site, seconds=15 / share)
        figures |= ui_live.restart(servers, site, pid, opened)
    return Rows(
        name="UI",
        title=f"pages at 150 ms RTT, 1.6 Mb/s, 4 x CPU ({_loads(bench)} loads each)",
        rows=rows,
        notes=[
            f"{what}: {found}" + (f" (wanted: {wanted})" if wanted else "")
            for what, (found, wanted) in figures.items()
        ],
    )


def _with_a_worker(bench: Bench, site: Site) -> tuple[list[Mapping[str, Value]], Figures]:
    with (
        simulated_provider(bench, latency_ms=50) as provider,
        bench.worker(threads=2 * _LANES, provider_url=provider.url),
    ):
        project = project_create(epics=_EPICS)
        done = runs.start(project, lanes=_LANES)
        runs.await_done(done, _EPICS)
        runs.finished(done)
        provider.configure(latency_ms=_LATENCY_MS)
        # Over another one: what is looked at is not written again meanwhile.
        active = runs.start(project_create(epics=_EPICS), lanes=_LANES)
        pages = _pages(project, done, active)
        clicks = 4 if bench.quick else 20
        figures = ui_live.controls(site, pages["run, active"], times=clicks)
        rows = [_row(bench, site, name, address) for name, address in pages.items()]
        provider.configure(latency_ms=50)
    budgets: Mapping[str, Value] = {"page": "budget", **_BUDGETS}
    return [budgets, *rows], figures


def _pages(project: Project, done: Run, active: Run) -> dict[str, str]:
    return {
        "projects": "/projects/",
        "project": f"/projects/{project.pk}/",
        "stories": f"/projects/{project.pk}/?tab=stories",
        "start": f"/projects/{project.pk}/start/?type=GENERATE_SUBTASKS",
        "run, active": f"/runs/{active.pk}/",
        "run, over": f"/runs/{done.pk}/",
        "queue": "/queue/",
        "money": "/money/",
        "story": f"/stories/{Story.objects.filter(project=project)[0].pk}/",
    }


def _row(bench: Bench, site: Site, name: str, address: str) -> Mapping[str, Value]:
    sizes = site.sizes(address)
    seen = []
    for _ in range(_loads(bench)):
        with site.tab() as tab:
            tab.slow_down()
            seen.append(tab.loaded(address))
    found: list[Value] = [
        *(f"{sizes[kind] / 1000:.1f}" for kind in ("html", "js", "css")),
        f"{quantiles((each.lcp_ms for each in seen), n=4)[2]:.0f}",
        f"{max(each.shift for each in seen):.3f}",
    ]
    return {"page": name, **dict(zip(_BUDGETS, found, strict=True))}


def _loads(bench: Bench) -> int:
    return 2 if bench.quick else _LOADS
