"""A run's results, as tables for the terminal."""

from django.db.models import Case, Value, When
from rich.console import Console
from rich.table import Table
from rich.text import Text

from content.kind import counted
from content.registry import Kind, kind_started_by
from runs.management.samples import samples_of
from runs.management.watch import spent_text, tokens
from runs.models import RunItem
from runs.reads.eta import duration_text
from runs.reads.items import duration_ms, run_items
from runs.reads.progress import RunProgress
from runs.states import ItemStatus

#: Rows of the table; of a larger run, those come first that did not go well.
_ROWS = 100
_SAMPLE_ITEMS = 3
_STYLE: dict[str, str] = {
    ItemStatus.COMPLETED: "green",
    ItemStatus.FAILED: "red",
    ItemStatus.SKIPPED: "yellow",
    ItemStatus.CANCELLED: "yellow",
}


def report(console: Console, progress: RunProgress) -> None:
    """Print the items, the totals and a little of what was made."""
    run, items = progress.run, _items(progress)
    kind = kind_started_by(run.type)
    console.print(_table(items, kind))
    if progress.total > len(items):
        more = counted(progress.total - len(items), kind.item_words)
        console.print(Text(f"… and {more} more."))
    spent = spent_text(progress)
    console.print(Text(f"{progress.phase_detail}; {spent}, {duration_text(progress.elapsed_ms)}."))
    if run.error:
        console.print(Text(f"{run.error_code}: {plain(run.error)}", style="red"))
    _sample(console, progress)


def plain(text: str) -> str:
    """The text without anything that a terminal would take as a command."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _items(progress: RunProgress) -> list[RunItem]:
    items = run_items(run=progress.run)
    if progress.total > _ROWS:
        well = When(status=ItemStatus.COMPLETED, then=Value(1))
        items = items.order_by(Case(well, default=Value(0)), "order")
    return list(items[:_ROWS])


def _table(items: list[RunItem], kind: Kind) -> Table:
    table = Table(kind.item_words[0].capitalize(), "Status")
    for name in (kind.made_words[1].capitalize(), "Tokens", "Cost", "Time"):
        table.add_column(name, justify="right")
    table.add_column("Error", overflow="fold")
    for item in items:
        took_ms = duration_ms(item)
        table.add_row(
            Text(plain(str(item))),
            Text(item.status, style=_STYLE.get(item.status, "")),
            str(item.created),
            f"{tokens(item):,}",
            f"${item.cost_usd:.4f}",
            "" if took_ms is None else duration_text(took_ms),
            Text(plain(f"{item.error_code}: {item.error}" if item.error_code else "")),
        )
    return table


def _sample(console: Console, progress: RunProgress) -> None:
    done = run_items(run=progress.run).filter(status=ItemStatus.COMPLETED, created__gt=0)
    for item in done[:_SAMPLE_ITEMS]:
        if samples := samples_of(item):
            console.print()
            console.print(Text(plain(str(item)), style="bold"))
        for head, text in samples:
            console.print(Text(f"  {plain(head)}"))
            console.print(Text(f"    {plain(text)}", style="dim"))
