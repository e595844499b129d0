"""A run's results, as tables for the terminal."""

from django.db.models import Case, Value, When
from rich.console import Console
from rich.table import Table
from rich.text import Text

from epics.models import Story
from runs.management.watch import spent_text, tokens
from runs.models import RunItem
from runs.reads.eta import duration_text
from runs.reads.progress import RunProgress, duration_ms
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
    epics = _epics(progress)
    console.print(_table(epics))
    if progress.total > len(epics):
        console.print(Text(f"… and {progress.total - len(epics)} more epics."))
    run = progress.run
    spent = spent_text(progress)
    console.print(Text(f"{progress.phase_detail}; {spent}, {duration_text(progress.elapsed_ms)}."))
    if run.error:
        console.print(Text(f"{run.error_code}: {plain(run.error)}", style="red"))
    _sample(console, progress)


def plain(text: str) -> str:
    """The text without anything that a terminal would take as a command."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _epics(progress: RunProgress) -> list[RunItem]:
    epics = RunItem.objects.filter(run=progress.run)
    if progress.total > _ROWS:
        well = When(status=ItemStatus.COMPLETED, then=Value(1))
        epics = epics.order_by(Case(well, default=Value(0)), "order")
    else:
        epics = epics.order_by("order")
    return list(epics[:_ROWS])


def _table(epics: list[RunItem]) -> Table:
    table = Table("Epic", "Status")
    for name in ("Stories", "Tokens", "Cost", "Time"):
        table.add_column(name, justify="right")
    table.add_column("Error", overflow="fold")
    for epic in epics:
        took_ms = duration_ms(epic)
        table.add_row(
            Text(plain(str(epic))),
            Text(epic.status, style=_STYLE.get(epic.status, "")),
            str(epic.created),
            f"{tokens(epic):,}",
            f"${epic.cost_usd:.4f}",
            "" if took_ms is None else duration_text(took_ms),
            Text(plain(f"{epic.error_code}: {epic.error}" if epic.error_code else "")),
        )
    return table


def _sample(console: Console, progress: RunProgress) -> None:
    done = RunItem.objects.filter(run=progress.run, status=ItemStatus.COMPLETED)
    for item in done.filter(created__gt=0).order_by("order")[:_SAMPLE_EPICS]:
        console.print()
        console.print(Text(plain(str(item)), style="bold"))
        stories = Story.objects.filter(epic=item.target_id, run_id=progress.run.pk)
        for story in stories.order_by("order")[:_SAMPLE_STORIES]:
            console.print(Text(f"  {plain(str(story))}"))
            console.print(Text(f"    {plain(story.user_story)}", style="dim"))
