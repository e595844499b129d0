"""A run's results, as tables for the terminal."""

from django.db.models import Case, Value, When
from rich.console import Console
from rich.table import Table
from rich.text import Text

from epics.models import Story
from runs.management.watch import spent_text, tokens
from runs.models import RunItem
from runs.reads.eta import duration_text
from runs.reads.items import duration_ms, run_items
from runs.reads.progress import RunProgress
from runs.states import ItemStatus

#: Rows of the table; of a larger run, those come first that did not go well.
_ROWS = 100
_SAMPLE_EPICS = 3
_SAMPLE_STORIES = 2
_STYLE: dict[str, str] = {
    ItemStatus.COMPLETED: "green",
    ItemStatus.FAILED: "red",
    ItemStatus.SKIPPED: "yellow",
    ItemStatus.CANCELLED: "yellow",
}


def report(console: Console, progress: RunProgress) -> None:
    """Print the epics, the totals and a few of the stories."""
    items = _items(progress)
    console.print(_table(items))
    if progress.total > len(items):
        console.print(Text(f"… and {progress.total - len(items)} more epics."))
    run = progress.run
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


def _table(items: list[RunItem]) -> Table:
    table = Table("Epic", "Status")
    for name in ("Stories", "Tokens", "Cost", "Time"):
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
    for item in done[:_SAMPLE_EPICS]:
        console.print()
        console.print(Text(plain(str(item)), style="bold"))
        stories = Story.objects.filter(epic=item.target_id, run_id=progress.run.pk)
        for story in stories.order_by("order")[:_SAMPLE_STORIES]:
            console.print(Text(f"  {plain(str(story))}"))
            console.print(Text(f"    {plain(story.user_story)}", style="dim"))
