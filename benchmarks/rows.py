"""What a workload found: a table, with notes under it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from rich.table import Table

Value = str | int | float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Rows:
    """A workload's table; every row has the same columns, in the same order."""

    name: str
    title: str
    rows: Sequence[Mapping[str, Value]]
    notes: Sequence[str] = ()

    def as_table(self) -> Table:
        """For the terminal: numbers to the right."""
        table = Table(title=f"{self.name}: {self.title}", title_justify="left")
        for place, column in enumerate(self.rows[0]):
            table.add_column(column, justify="right" if place else "left")
        for row in self.rows:
            table.add_row(*map(_shown, row.values()))
        return table

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return asdict(self)


def side_by_side(label: str, columns: Mapping[str, Mapping[str, Value]]) -> list[dict[str, Value]]:
    """Rows of a table with a line for each figure and a column for each of those compared."""
    figures = next(iter(columns.values()))
    return [
        {label: figure, **{name: found[figure] for name, found in columns.items()}}
        for figure in figures
    ]


def spread(values: Sequence[float], digits: int = 2) -> str:
    """`median (least to most)`, or the value where there is but one."""
    middle = f"{median(values):.{digits}f}"
    if len(values) == 1:
        return middle
    return f"{middle} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def _shown(value: Value) -> str:
    if value is None:
        return "-"
    return f"{value:,.2f}" if isinstance(value, float) else str(value)
