"""What the generated pages share: tables and safe cells."""

from collections.abc import Iterable
from pathlib import Path

_HEADS = Path(__file__).parents[1] / "heads"


def head(name: str) -> str:
    """How a page begins, with an empty line behind it."""
    return f"{(_HEADS / name).with_suffix('.md').read_text()}\n"


def cell(text: str) -> str:
    """Text as it can stand in a table's cell."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table; its cells are ready."""
    names = list(head)
    lines = [names, ["---"] * len(names), *(list(row) for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
