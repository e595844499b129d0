"""Watching a run in the terminal: a live bar where there is one, else a line for each change."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from uuid import UUID

from django.db import InterfaceError, OperationalError, close_old_connections
from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from batchgen.micro_usd import usd_text
from content.kind import counted
from content.registry import kind_started_by
from runs.models import RunItem
from runs.reads.eta import duration_text
from runs.reads.items import items_generating, tokens_read
from runs.reads.progress import RunProgress
from runs.reads.selectors import run_read
from runs.states import HealthVerdict, RunStatus

#: Between two looks into PostgreSQL.
_LOOK_S = 0.3
#: Between two lines where nobody watches live.
_LINE_S = 1.0
_ITEMS_SHOWN = 3
_BAR_WIDTH = 30
NO_WORKER = "No worker is running: start one with `make up`."
_AWAY = "The database is away; looking again."


@dataclass(frozen=True, kw_only=True)
class Look:
    """What one look found."""

    progress: RunProgress
    current: tuple[RunItem, ...] = ()
    #: What the person has to know, or do, for the run to go on.
    notice: str = ""
    #: A person's pause is an end, too.
    until_paused: bool = False

    @property
    def over(self) -> bool:
        """Nothing more will happen: the run has ended, or the engine paused it."""
        run = self.progress.run
        still = run.status == RunStatus.PAUSED and not self.progress.generating
        halted = still and bool(run.error_code or self.until_paused)
        return run.completed_at is not None or halted


def watch(console: Console, *, run_id: UUID, until_paused: bool = False) -> RunProgress:
    """Show the run until it is over, and tell how it ended.

    It is also over for us when the engine paused it, for a reason that somebody has to look at.

    Args:
        until_paused: also when a person paused it, and its last call has ended.

    Raises:
        KeyboardInterrupt: as it came; the run goes on.
        NotFound: the run was deleted.
    """
    looks = _looks(run_id, until_paused=until_paused)
    if console.is_terminal:
        return _watch_live(console, looks)
    return _watch_lines(console, looks)


def spent_text(spent: RunProgress) -> str:
    """Tokens and money, and of how many calls nobody knows them."""
    text = f"{tokens(spent):,} tokens, ${spent.cost_usd:.4f}{_of_budget(spent)}"
    return f"{text}, {spent.unknown_calls} calls unknown" if spent.unknown_calls else text


def _of_budget(spent: RunProgress) -> str:
    """What it may spend; what is left of that, and what calls under way hold of it."""
    budget = spent.budget
    if budget is None:
        return ""
    held = f", {usd_text(budget['held'])} held" if budget["held"] else ""
    return f" of {usd_text(budget['limit'])} ({usd_text(budget['left'])} left{held})"


def tokens(spent: RunProgress | RunItem) -> int:
    """All that was read and written."""
    return (tokens_read(spent) or 0) + spent.output_tokens


def _figures_text(progress: RunProgress) -> str:
    parts = [counted(progress.created, kind_started_by(progress.run.type).made_words)]
    if progress.failed:
        parts.append(f"{progress.failed} failed")
    if progress.in_batch:
        batches = counted(progress.batches_processing, ("batch", "batches"))
        parts.append(f"{progress.in_batch} in {batches}")
    if progress.batches_ended:
        parts.append(f"{counted(progress.batches_ended, ('batch', 'batches'))} ended")
    parts.append(spent_text(progress))
    return ", ".join(parts)


def _looks(run_id: UUID, *, until_paused: bool) -> Iterator[Look]:
    look = None
    while look is None or not look.over:
        if look is not None:
            time.sleep(_LOOK_S)
        try:
            look = replace(_look(run_id), until_paused=until_paused)
        except (OperationalError, InterfaceError):
            close_old_connections()
            if look is None:
                raise
            look = replace(look, current=(), notice=_AWAY)
        yield look


def _look(run_id: UUID) -> Look:
    progress = RunProgress.of(run_read(run_id=run_id))
    current = () if progress.final else tuple(items_generating(run_id=run_id)[:_ITEMS_SHOWN])
    return Look(progress=progress, current=current, notice=_notice(progress))


def _notice(progress: RunProgress) -> str:
    health = progress.health
    if health.verdict in (HealthVerdict.FLOWING, HealthVerdict.ENDED):
        return ""
    return health.text


def _watch_live(console: Console, looks: Iterator[Look]) -> RunProgress:
    with Live(console=console, auto_refresh=False) as live:
        for look in looks:
            live.update(_picture(look), refresh=True)
    return look.progress


def _picture(look: Look) -> Group:
    progress = look.progress
    bar = ProgressBar(
        total=max(1, progress.total), completed=progress.total - progress.left, width=_BAR_WIDTH
    )
    line = Table.grid(padding=(0, 1))
    line.add_row(
        bar,
        f"{progress.total - progress.left}/{progress.total}",
        f"{progress.percent_complete} %",
        _time_text(progress),
    )
    rows: list[Table | Text] = [line, Text(f"  {_figures_text(progress)}")]
    rows += [Text(f"  {item}  {item.stage}", no_wrap=True, style="dim") for item in look.current]
    if look.notice:
        rows.append(Text(look.notice, style="bold yellow"))
    return Group(*rows)


def _time_text(progress: RunProgress) -> str:
    elapsed = duration_text(progress.elapsed_ms)
    if progress.remaining and progress.remaining.ms:
        return f"{elapsed}, about {duration_text(progress.remaining.ms)} left"
    return elapsed


def _watch_lines(console: Console, looks: Iterator[Look]) -> RunProgress:
    told, notice, at = None, "", 0.0
    for look in looks:
        progress = look.progress
        state = (progress.run.status, progress.left, progress.generating > 0)
        if look.notice and look.notice != notice:
            console.print(Text(look.notice))
        notice = look.notice
        if state != told and (look.over or time.monotonic() - at >= _LINE_S):
            told, at = state, time.monotonic()
            console.print(Text(_line(look)))
    return look.progress


def _line(look: Look) -> str:
    progress = look.progress
    items = kind_started_by(progress.run.type).item_words[1]
    done = f"{progress.run.status}: {progress.total - progress.left}/{progress.total} {items}"
    line = f"{done}, {_figures_text(progress)}, {_time_text(progress)}"
    if look.current:
        line += f"; now {', '.join(item.code for item in look.current)}"
    return line
