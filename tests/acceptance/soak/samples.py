"""Figures of processes, Redis and tables, once in a while: lines of a CSV that is only added to.

`second,subject,measure,value`: seconds since the start, what it is of (`worker w1`, `redis`,
`table runs_run`), what it is (`rss_mib`, `rows`), and the number.
"""

import csv
import os
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from urllib.request import ProxyHandler, build_opener
from uuid import UUID

from django.db import connection
from redis import RedisError

from batchgen.redis import client as redis
from runs.engine.dispatch import messages_waiting
from tests.acceptance.soak.place import Place

HEAD = ("second", "subject", "measure", "value")
_MEMORY = ("Rss", "Pss", "Private_Clean", "Private_Dirty")
_LAG = re.compile(r"^batchgen_event_lag_seconds_(sum|count)(?:\{.*\})? (\S+)", re.MULTILINE)
_TABLES = """
SELECT relname, pg_total_relation_size(oid) FROM pg_class
WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY relname
"""
_CALLS = "runs_providercall"
_CALLS_OF_RUN = """
SELECT count(*) FROM runs_providercall JOIN runs_runitem item ON item.id = item_id
WHERE item.run_id = %s
"""

Figures = Iterable[tuple[str, str, float]]


class Samples:
    """The file, and the clock that its seconds are of."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w", newline="")
        self._lines = csv.writer(self._file)
        self._lines.writerow(HEAD)
        self._began = time.monotonic()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def note(self, subject: str, **figures: float) -> None:
        """Write some figures down."""
        self._write((subject, measure, value) for measure, value in figures.items())

    def take(self, place: Place, *, lasting: UUID | None = None) -> None:
        """Look at everything once.

        Args:
            lasting: a run that goes on all the time. It keeps its calls as long, which therefore
                are not counted.
        """
        for name, pid in {**place.pids(), "soak": os.getpid()}.items():
            with suppress(OSError):  # it ended just now
                self.note(name, **process_figures(pid))
        with suppress(RedisError, OSError):  # it is away just now
            info = redis.client().info("memory")
            keys = redis.client().dbsize()
            waiting = len(messages_waiting())
            self.note("redis", used_mib=info["used_memory"] / 2**20, keys=keys, messages=waiting)
            self.note("web 1", **_lag(place.urls[0]))
        self._write(_of_tables(lasting))

    def _write(self, figures: Figures) -> None:
        second = round(time.monotonic() - self._began)
        self._lines.writerows((second, *figure) for figure in figures)
        self._file.flush()


def process_figures(pid: int) -> Mapping[str, float]:
    """Memory, file descriptors and threads of a process on this machine.

    Raises:
        OSError: there is none.
    """
    here = Path(f"/proc/{pid}")
    kib: dict[str, int] = {}
    for line in (here / "smaps_rollup").read_text().splitlines()[1:]:
        name, _, value = line.partition(":")
        if name in _MEMORY:
            kib[name] = int(value.split()[0])
    status = dict(line.split(":", 1) for line in (here / "status").read_text().splitlines())
    return {
        "pid": pid,
        "rss_mib": round(kib["Rss"] / 1024, 2),
        "pss_mib": round(kib["Pss"] / 1024, 2),
        "uss_mib": round((kib["Private_Clean"] + kib["Private_Dirty"]) / 1024, 2),
        "fds": len(list((here / "fd").iterdir())),
        "threads": int(status["Threads"]),
    }


def _lag(url: str) -> dict[str, float]:
    """Seconds that live events were late, and how many, since the process began."""
    with build_opener(ProxyHandler({})).open(f"{url}/metrics", timeout=10) as answer:
        found = dict(_LAG.findall(answer.read().decode()))
    return {f"lag_{name}": float(value) for name, value in found.items()}


def _of_tables(lasting: UUID | None) -> Figures:
    for name, rows, size in tables():
        kept = _calls_of(lasting) if lasting and name == _CALLS else 0
        yield f"table {name}", "rows", rows - kept
        yield f"table {name}", "kib", size / 1024


def _calls_of(run_id: UUID) -> int:
    with connection.cursor() as cursor:
        cursor.execute(_CALLS_OF_RUN, [run_id])
        (calls,) = cursor.fetchone()
        return int(calls)


def tables() -> Iterator[tuple[str, int, int]]:
    """Each table, its rows, and its bytes with those of its indexes."""
    with connection.cursor() as cursor:
        cursor.execute(_TABLES)
        for name, size in cursor.fetchall():
            cursor.execute(f'SELECT count(*) FROM "{name}"')  # noqa: S608 - PostgreSQL's own word
            yield name, cursor.fetchone()[0], size
