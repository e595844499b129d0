"""A run's page while things happen: a commit's way to its row, a control, a server's end."""

import json
import os
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from threading import Thread

from django.db import connection

from batchgen.local import stack
from batchgen.local.local_dir import scratch
from benchmarks import live_work
from benchmarks.bench import Bench
from benchmarks.live_clients import Task
from benchmarks.live_work import Committed
from benchmarks.ui_site import Site, Tab
from runs.models import Run

#: {what: (what was found, what is wanted)}.
Figures = dict[str, tuple[str, str]]

_EPICS = 50
_PLACES = 18
_CLIENTS = 200
_CALM_PER_S, _CALM_S = 10, 30
#: Of commits: each makes 1.7 events, so these are fifty a second.
_BUSY_PER_S, _BUSY_S = 29, 15
_CLICKS, _SEEN_MS = 20, 300
_RESTART_PER_S, _RESTART_S = 10, 15
_LIVE = "() => document.querySelector('[data-connection]').textContent === 'Live'"


def controls(site: Site, address: str, *, times: int = _CLICKS) -> Figures:
    """Pause and resume on a slow line, of a run that a worker works on."""
    with site.tab() as tab:
        tab.slow_down()
        _open(tab, address)
        for number in range(times):
            name, then = ("Pause", "Resume") if number % 2 == 0 else ("Resume", "Pause")
            # Nobody presses a button in the moment in which it appears.
            tab.page.wait_for_timeout(_SEEN_MS)
            tab.page.evaluate("([name, then]) => noted.watchControl(name, then)", [name, then])
            tab.page.get_by_role("button", name=name, exact=True).click()
            tab.page.wait_for_function("count => noted.controls.length === count", arg=number + 1)
        clicks = tab.noted("controls")
        interactions = sorted(tab.noted("interactions").values()) or [0.0]
    busy, done = ([each[name] for each in clicks] for name in ("busy", "done"))
    slow = "on a slow line"
    return {
        f"a control's click to busy, {slow}, most, ms": (f"{max(busy):.0f}", "100"),
        f"- to its new state, {slow}, p50, ms": (f"{median(done):.0f}", ""),
        f"- most of {times}, ms": (f"{max(done):.0f}", "800"),
        f"INP of these clicks, {slow}, ms": (f"{interactions[-1]:.0f}", "200"),
    }


def rows(bench: Bench, site: Site, *, seconds: float = _CALM_S) -> Figures:
    """Ten commits a second, with so many more who follow the run."""
    run = live_work.running(epics=_EPICS)
    work = live_work.commits(run, places=_PLACES)
    with scratch() as place, site.tab() as tab:
        task = Task(
            url=f"{site.url}/api/v1/runs/{run.id}/events",
            token=live_work.token(),
            clients=_CLIENTS,
            cuts=0,
            # Longer than the commits: their page is opened first.
            seconds=seconds + 5,
            out=str(place / "seen.json"),
        )
        with live_work.clients(bench, task):
            _open(tab, f"/runs/{run.id}/")
            tab.page.evaluate("() => noted.watchRows()")
            committed = live_work.paced(work, per_s=_CALM_PER_S, seconds=seconds)
        lags = _row_lags_ms(tab, committed)
        shift = tab.noted("shift")
        seen = json.loads(Path(task.out).read_text())["seen"]
    cuts = quantiles(lags, n=100)
    of_clients = quantiles(live_work.lags_ms(committed, seen), n=100)
    return {
        f"commit to row, {_CLIENTS} more follow, p50, ms": (f"{cuts[49]:.0f}", "100"),
        f"- p99 of {len(lags)}, ms": (f"{cuts[98]:.0f}", "500"),
        "- to the others, p50, ms": (f"{of_clients[49]:.0f}", ""),
        "- p99, ms": (f"{of_clients[98]:.0f}", "500"),
        "layout shift meanwhile": (f"{shift:.3f}", "0.05"),
    }


def _row_lags_ms(tab: Tab, committed: Committed) -> list[float]:
    """From each commit to when it stood in the table; of what is not there, nothing."""
    ahead = time.time() - time.monotonic()
    shown: Mapping[str, float] = tab.noted("rows")
    return [shown[what] - (at + ahead) * 1000 for what, at in committed.items() if what in shown]


def busy(site: Site, *, seconds: float = _BUSY_S) -> Figures:
    """How much the page's main thread works at fifty events a second."""
    run = live_work.running(epics=_EPICS)
    work = live_work.commits(run, places=_PLACES)
    with site.tab() as tab:
        _open(tab, f"/runs/{run.id}/")
        tab.page.wait_for_timeout(1000)
        before, began = tab.busy_s(), time.monotonic()
        done = live_work.paced(work, per_s=_BUSY_PER_S, seconds=seconds)
        took = time.monotonic() - began
        share = (tab.busy_s() - before) / took
        events = tab.page.evaluate("() => noted.events.length") / took
    pace = f"{len(done) / took:.0f} commits ({events:.0f} events) a second"
    return {f"main thread at {pace}": (f"{share:.0%}", "30%")}


@dataclass(frozen=True, kw_only=True)
class Servers:
    """The web process, which can be killed and started anew on its port."""

    bench: Bench
    port: int

    @contextmanager
    def one(self) -> Iterator[int]:
        """Its process id."""
        child = stack.web(self.bench.environment, "127.0.0.1", self.port)
        with self.bench.process(child) as tree:
            yield tree.root.pid


def restart(servers: Servers, site: Site, pid: int, opened: ExitStack) -> Figures:
    """The web process is killed while a run goes on, and started again at once."""
    run = live_work.running(epics=_EPICS)
    work = live_work.commits(run, places=_PLACES)
    with site.tab() as tab:
        _open(tab, f"/runs/{run.id}/")
        tab.page.evaluate("() => noted.watchRows()")
        going_on = Thread(target=_go_on, args=(work,))
        going_on.start()
        time.sleep(_RESTART_S / 5)
        os.kill(pid, signal.SIGKILL)
        killed = time.time()
        opened.enter_context(servers.one())
        there = time.time()
        going_on.join()
        tab.page.wait_for_timeout(2000)
        return _found(run, tab, killed=killed, there=there)


def _go_on(work: Iterator[tuple[str, float]]) -> None:
    live_work.paced(work, per_s=_RESTART_PER_S, seconds=_RESTART_S)
    connection.close()


def _found(run: Run, tab: Tab, *, killed: float, there: float) -> Figures:
    # What was sent before its end may come a moment after it.
    since_ms = (killed + 0.2) * 1000
    back = min(at for at in tab.noted("rows").values() if at > since_ms) / 1000
    lines = tab.page.locator("#log li").evaluate_all(
        "lines => lines.map(line => Number(line.dataset.seq))"
    )
    lost = run.log.count() - len(set(lines))
    again = tab.page.evaluate("() => noted.repeated()")
    after = f"{max(0, back - there):.1f}"
    return {
        "a server is killed: from its new start to the next row, s": (after, "5"),
        "- from its end to the next row, s": (f"{back - killed:.1f}", ""),
        "- lines of the log lost": (str(lost), "0"),
        "- events repeated": (str(again), "0"),
    }


def _open(tab: Tab, address: str) -> None:
    """A run's page, once it follows the run."""
    tab.page.goto(address)
    tab.page.wait_for_function(_LIVE)
