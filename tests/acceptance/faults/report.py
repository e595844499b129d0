"""The table of a schedule: what was injected, and what came of it."""

from statistics import median

from rich.console import Console
from rich.table import Table

from tests.acceptance.faults.invariants import Observed, SeenCall
from tests.acceptance.faults.journal import Step

COLUMNS = ("fault", "times", "epics", "lost", "doubled", "extra calls", "recovery s")


def rows(observed: Observed) -> list[tuple[str, ...]]:
    """A row for each kind of fault, and one for all.

    An epic, and an extra call, belongs to every fault during which one of its calls was under way:
    where faults went on together, to each of them.
    """
    journal = observed.journal
    made = []
    for kind, times in sorted(journal.times().items()):
        steps = [step for step in journal.steps if kind in step.kinds]
        recoveries = [s for step in steps if (s := observed.recovery_s(step)) is not None]
        epics = {marker for marker, calls in observed.calls.items() if _touched(steps, calls)}
        extra = sum(_during(steps, call) for call in observed.extra)
        made.append(
            (
                kind,
                str(times),
                str(len(epics)),
                str(len(epics & observed.lost)),
                str(len(epics & observed.doubled)),
                str(extra),
                f"{median(recoveries):.1f} (≤ {max(recoveries):.1f})" if recoveries else "-",
            )
        )
    total = (
        "all",
        str(sum(journal.times().values())),
        str(len(observed.calls)),
        str(len(observed.lost)),
        str(len(observed.doubled)),
        f"{len(observed.extra)} of {journal.in_flight_at_losses()} in flight",
        "",
    )
    return [*made, total]


def show(observed: Observed, console: Console, *, title: str) -> None:
    """Print the table, what the run came to, and what did not hold."""
    table = Table(title=title)
    for name in COLUMNS:
        table.add_column(name, justify="left" if name == "fault" else "right")
    for row in rows(observed):
        table.add_row(*row)
    console.print(table)
    console.print(summary(observed))
    for violation in observed.violations:
        console.print(f"VIOLATED {violation}", style="red", markup=False)


def summary(observed: Observed) -> str:
    """One paragraph of figures."""
    calls = sum(map(len, observed.calls.values()))
    faulty = sum(call.fault is not None for mine in observed.calls.values() for call in mine)
    statuses = dict.fromkeys(("COMPLETED", "FAILED", "SKIPPED", "CANCELLED", "PENDING"), 0)
    for epic in observed.epics:
        statuses[epic.status] = statuses.get(epic.status, 0) + 1
    told = ", ".join(f"{number} {name}" for name, number in statuses.items() if number)
    journal = observed.journal
    return (
        f"{len(observed.runs)} runs in {observed.seconds:.0f} s: {told} (PENDING ones are those "
        f"that a cancel left to its retry). {calls} calls, {faulty} of them failed by the "
        "provider; "
        f"{len(journal.losses)} kills and {len(journal.freezes)} freezes with "
        f"{journal.in_flight_at_losses()} calls in flight; {len(journal.controls)} pauses and "
        "cancels."
    )


def _touched(steps: list[Step], calls: list[SeenCall]) -> bool:
    return any(step.holds(call.begun, call.ended) for step in steps for call in calls)


def _during(steps: list[Step], call: SeenCall) -> bool:
    return any(step.holds(call.begun, call.begun) for step in steps)
