"""`manage.py run …`: look at runs, and pause, resume, cancel or retry them from the shell."""

from typing import Any

from django.core.management.base import CommandParser
from rich.console import Console
from rich.table import Table
from rich.text import Text

from content.kind import counted
from content.registry import kind_started_by
from runs.engine.controls import run_control, run_retry
from runs.engine.start_words import answered_text, lane_text
from runs.management.report import plain, report
from runs.management.starting import project_named
from runs.management.terminal import RunsCommand, in_words, run_named, shell_actor
from runs.management.watch import NO_WORKER
from runs.models import Run, RunAction
from runs.reads.eta import duration_text
from runs.reads.progress import RunProgress
from runs.reads.selectors import run_read, runs_with_figures
from runs.reads.surroundings import workers_alive
from runs.states import ACTIVE, RunStatus

_ROWS = 20
_MOST_ROWS = 1000
_ACTIONS_SHOWN = 10
#: What each control leads to where all goes well.
_WANTED = {
    "pause": RunStatus.PAUSED,
    "resume": RunStatus.SUCCEEDED,
    "cancel": RunStatus.CANCELLED,
}


class Command(RunsCommand):
    help = (
        "Looks at runs, and controls them as the API does. The exit code is 0 when that was done, "
        "1 when it was refused. With --watch: 0 when the run then ended well, or as was asked, 2 "
        "when some items failed, else 1."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        listing = actions.add_parser("list", help="the newest runs")
        listing.add_argument("--project", help="its id, its code or its whole name")
        listing.add_argument("--status", choices=RunStatus.values)
        listing.add_argument("--active", action="store_true", help="only those that are not over")
        listing.add_argument(
            "--limit", type=int, choices=range(1, _MOST_ROWS + 1), default=_ROWS, metavar="N"
        )
        for action, told in {
            "show": "a run, its items, and who did what",
            "pause": "no call starts any more; those in flight finish and are kept",
            "resume": "go on with the items that wait",
            "cancel": "as pause, for good",
            "retry": "a new run over the failed items of one that is over",
        }.items():
            control = actions.add_parser(action, help=told)
            control.add_argument("run", help="its id, or how that begins")
            control.add_argument("--watch", action="store_true", help="show what then happens")
            if action != "show":
                control.add_argument(
                    "--user", help="who does it, by user name (default: you, by your login)"
                )
        actions.choices["pause"].add_argument(
            "--batches",
            choices=["finish", "cancel"],
            default="finish",
            help="what becomes of requests that are out in the provider's batches",
        )
        control.add_argument(
            "--include-pending", action="store_true", help="also those that were not begun"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        console, action = self.console(), options["action"]
        with in_words():
            if action == "list":
                console.print(_table(_listed(options)))
                return
            run = run_named(options["run"])
            if action == "show":
                _show(console, run, watched=options["watch"])
            elif action == "retry":
                run = _retry(console, run, options)
            else:
                _control(console, run, options)
        if options["watch"]:
            again = f"manage.py run show {run.pk} --watch"
            wanted = _WANTED.get(action, RunStatus.SUCCEEDED)
            self.watch(console, run, again=again, wanted=wanted)


def _listed(options: dict[str, Any]) -> list[Run]:
    runs = runs_with_figures(Run.objects.select_related("project"))
    if options["project"]:
        runs = runs.filter(project=project_named(options["project"]))
    if options["status"]:
        runs = runs.filter(status=options["status"])
    if options["active"]:
        runs = runs.filter(status__in=ACTIVE)
    return list(runs.order_by("-created_at", "-pk")[: options["limit"]])


def _table(runs: list[Run]) -> Table:
    table = Table("Run", "Project", "Type", "Status")
    for name in ("Done", "Failed", "Made", "Cost", "Time"):
        table.add_column(name, justify="right")
    for run in runs:
        progress = RunProgress.of(run)
        table.add_row(
            str(run.pk),
            Text(plain(run.project.name), overflow="ellipsis", no_wrap=True),
            run.type,
            run.status,
            f"{progress.total - progress.left}/{progress.total}",
            str(progress.failed),
            counted(progress.created, progress.kind.made_words),
            f"${progress.cost_usd:.4f}",
            duration_text(progress.elapsed_ms),
        )
    return table


def _show(console: Console, run: Run, *, watched: bool) -> None:
    progress = RunProgress.of(run_read(run_id=run.pk))
    kind = kind_started_by(run.type)
    chosen = kind.all_options(run.options)
    console.print(Text(f"{run} of {plain(run.project.name)}: {run.status}", style="bold"))
    console.print(
        Text(
            f"{kind.options_text(chosen)}, pacing {run.pacing_profile}, "
            f"priority {run.priority}, {run.max_concurrency} at a time{lane_text(run)}"
            f"{answered_text(run)}."
        )
    )
    latest = RunAction.objects.filter(run=run).order_by("-id")[:_ACTIONS_SHOWN]
    for done in reversed(latest):
        console.print(Text(f"{done.at:%Y-%m-%d %H:%M:%S} {plain(done.actor)}: {done.kind}"))
    console.print(Text(plain(progress.health.text)))
    console.print(Text(f"Now possible: {', '.join(progress.controls) or 'nothing'}."))
    if not watched:
        report(console, progress)


def _control(console: Console, run: Run, options: dict[str, Any]) -> None:
    moved = run_control(
        run=run,
        action=options["action"],
        user=shell_actor(options["user"]),
        cancel_batches=options.get("batches") == "cancel",
    )
    calls = "1 call" if moved.in_flight == 1 else f"{moved.in_flight} calls"
    out = f", {moved.requests_out} requests in batches" if moved.requests_out else ""
    console.print(
        Text(f"Run {run.pk} was {moved.previous} and is {moved.status}; {calls} in flight{out}.")
    )
    if moved.status == RunStatus.RUNNING and not workers_alive().exists():
        console.print(Text(NO_WORKER))


def _retry(console: Console, run: Run, options: dict[str, Any]) -> Run:
    retry = run_retry(
        run=run, user=shell_actor(options["user"]), include_pending=options["include_pending"]
    )
    items = counted(retry.total_items, kind_started_by(run.type).item_words)
    console.print(Text(f"Run {retry.pk} does {items} of run {run.pk} again."))
    return retry
