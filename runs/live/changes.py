"""What changed in a run since a cursor, from PostgreSQL alone: nothing that commits is missed.

Each row carries the number of the transaction that wrote it (`xmin`). A cursor is a snapshot's
horizon, below which every transaction had ended, and the versions of the rows above it that were
told of. A row that such a snapshot did not show was written at or above its horizon, whatever
order transactions commit in; so nobody who writes has to say so. A run's health changes with the
time, too, and with rows that are not the run's; so it is a part of the cursor.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import QuerySet
from rest_framework.renderers import JSONRenderer

from batchgen.api.output import shown_all
from batchgen.db.sql import Queries
from content.registry import kind_started_by
from runs.api.item_output import RunEpicOutput, RunItemOutput
from runs.api.run_output import RunLogOutput, run_json
from runs.live.events import RESET, Event, Name
from runs.live.snapshot import LINES
from runs.models import Run, RunItem, RunLog
from runs.reads.items import run_items
from runs.reads.log import log_last, log_number, log_numbered
from runs.reads.progress import RunProgress
from runs.reads.selectors import run_read

QUERIES = Queries(Path(__file__).with_name("queries.sql"))

#: A stream opens with so many items.
_SNAPSHOT_ITEMS = 1000
#: Most lines of one look; the next look has the rest.
_MOST_LINES = 500
_XIDS = 2**32


@dataclass(frozen=True, kw_only=True, slots=True)
class Cursor:
    """How much of a run was told."""

    #: A transaction number, 64 bits: every older transaction had ended.
    horizon: int
    #: The versions of rows that were told and are not older than the horizon.
    seen: Mapping[str, int]
    #: The last line.
    seq: int
    #: The verdict and the reason that were told last.
    health: str = ""
    #: The run's end was told: nothing follows.
    ended: bool = False

    def dumps(self) -> bytes:
        """For keeping in the stream."""
        return json.dumps(asdict(self), separators=(",", ":")).encode()

    @classmethod
    def loads(cls, raw: bytes) -> "Cursor":
        """The reverse.

        Raises:
            ValueError: `dumps` did not make this.
        """
        found = json.loads(raw)
        if not isinstance(found, dict) or found.keys() != cls.__dataclass_fields__.keys():
            raise ValueError("not a cursor's fields")
        seen, ended = found["seen"], found["ended"]
        told = isinstance(ended, bool) and isinstance(found["health"], str)
        if not isinstance(seen, dict) or not told:
            raise ValueError("not a cursor's values")
        if not all(map(_is_bigint, (found["horizon"], found["seq"], *seen.values()))):
            raise ValueError("not a cursor's numbers")
        return cls(**found)


@dataclass(frozen=True, kw_only=True, slots=True)
class Changes:
    """What a run looks like at one moment, and what is new since the cursor."""

    cursor: Cursor
    #: Empty where nothing changed.
    events: Sequence[Event]
    #: Everything, where it was asked for.
    snapshot: Sequence[Event]
    #: When the lines among the events were written.
    written_at: Sequence[datetime] = ()


def _is_bigint(value: object) -> bool:
    return type(value) is int and 0 <= value < 2**63


def changed_runs(cursors: Mapping[UUID, Cursor]) -> set[UUID]:
    """Of the runs those that are worth a look; one statement for all.

    Raises:
        psycopg.Error: PostgreSQL is away.
    """
    if not cursors:
        return set()
    params = {
        "run_ids": list(cursors),
        "horizons": [cursor.horizon for cursor in cursors.values()],
        "seqs": [cursor.seq for cursor in cursors.values()],
    }
    rows = QUERIES.fetch("live_probe", params)
    return {
        row["run_id"]
        for row in rows
        if cursors[row["run_id"]].seen.get(row["key"]) != row["version"]
    }


def changes_since(run_id: UUID, cursor: Cursor | None, *, whole: bool = False) -> Changes:
    """What is new since the cursor; without one (or one of another database) a `reset`.

    Args:
        whole: with a snapshot of the same moment.

    Raises:
        NotFound: the run is gone.
        django.db.Error: PostgreSQL is away.
    """
    log_number(run_id=run_id)
    with transaction.atomic():
        with connection.cursor() as database:
            database.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        return _changes_since(run_id, cursor, whole=whole)


def _changes_since(run_id: UUID, cursor: Cursor | None, *, whole: bool) -> Changes:
    if cursor and cursor.ended:
        return Changes(
            cursor=cursor, events=(), snapshot=_snapshot(run_id, ended=True) if whole else ()
        )
    rows, horizon = _rows(run_id, cursor.horizon if cursor else None)
    if cursor is None or cursor.horizon > horizon:
        return _begin(run_id, whole=whole)
    changed = [(key, item_id) for key, version, item_id in rows if cursor.seen.get(key) != version]
    lines = list(log_numbered(run_id=run_id, seq=cursor.seq, limit=_MOST_LINES + 1))
    more, lines = len(lines) > _MOST_LINES, lines[:_MOST_LINES]
    run = run_read(run_id=run_id)
    health = _health(run)
    ended = _is_over(run) and not more
    item_ids = {item_id for _, item_id in changed if item_id}
    events = [
        *_lines(lines),
        *(_items(run, run_items(run=run).filter(pk__in=item_ids)) if item_ids else ()),
        *_run(run, ended=ended),
    ]
    return Changes(
        cursor=Cursor(
            horizon=horizon,
            seen=_seen(rows, horizon),
            seq=(lines[-1].seq if lines else None) or cursor.seq,
            health=health,
            ended=ended,
        ),
        events=events if changed or lines or health != cursor.health else (),
        snapshot=_snapshot(run_id, ended=ended) if whole else (),
        written_at=[line.at for line in lines],
    )


def _begin(run_id: UUID, *, whole: bool) -> Changes:
    """A new stream: what an older one told, nobody knows any more."""
    run = run_read(run_id=run_id)
    last = log_last(run_id=run_id, limit=1)
    seq = last[0].seq or 0 if last else 0
    ended = _is_over(run)
    rows, horizon = _rows(run_id, None)
    return Changes(
        cursor=Cursor(
            horizon=horizon,
            seen=_seen(rows, horizon),
            seq=seq,
            health=_health(run),
            ended=ended,
        ),
        events=[RESET, *([_event(Name.END, run_json(RunProgress.of(run)))] if ended else ())],
        snapshot=_snapshot(run_id, ended=ended) if whole else (),
    )


def _is_over(run: Run) -> bool:
    """Whether nothing follows. A line that was written after they were numbered does."""
    if run.completed_at is None:
        return False
    return not RunLog.objects.filter(run=run, seq__isnull=True).exists()


def _health(run: Run) -> str:
    health = RunProgress.of(run).health
    return f"{health.verdict} {health.reason}"


def _snapshot(run_id: UUID, *, ended: bool) -> list[Event]:
    run = run_read(run_id=run_id)
    return [
        *_lines(log_last(run_id=run_id, limit=LINES)),
        *_items(run, run_items(run=run)[:_SNAPSHOT_ITEMS]),
        *_run(run, ended=ended),
    ]


def _run(run: Run, *, ended: bool) -> list[Event]:
    shown = run_json(RunProgress.of(run))
    return [_event(name, shown) for name in ([Name.RUN, Name.END] if ended else [Name.RUN])]


def _items(run: Run, items: QuerySet[RunItem]) -> list[Event]:
    """Epics as the API's epics are, others as its items."""
    if kind_started_by(run.type).item_kind == "epic":
        shown = shown_all(RunEpicOutput, items)
        return [_event(Name.EPIC, one, key=one["runEpicId"]) for one in shown]
    return [_event(Name.ITEM, one, key=one["itemId"]) for one in shown_all(RunItemOutput, items)]


def _lines(lines: Sequence[RunLog]) -> list[Event]:
    return [_event(Name.LOG, shown) for shown in shown_all(RunLogOutput, lines)]


def _event(name: Name, shown: Any, *, key: str = "") -> Event:
    return Event(name=name, data=JSONRenderer().render(shown), key=key)


def _rows(run_id: UUID, horizon: int | None) -> tuple[list[tuple[str, int, Any]], int]:
    """(key, version, epic id) of what may have changed since the horizon, and the one of now."""
    with connection.cursor() as database:
        database.execute(QUERIES["live_changed"], {"run_id": run_id, "horizon": horizon})
        rows = list(database.fetchall())
    changed = [row for row in rows if row[0] != "horizon"]
    ((_, horizon_now, _),) = (row for row in rows if row[0] == "horizon")
    return changed, horizon_now


def _seen(rows: Iterable[tuple[str, int, Any]], horizon: int) -> dict[str, int]:
    """The versions to remember: those whose rows the next look finds again."""
    return {key: version for key, version, _ in rows if (version - horizon) % _XIDS < _XIDS // 2}
