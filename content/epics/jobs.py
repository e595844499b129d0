"""The jobs of the steps: what is read from the database, and what takes long to work out."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from psycopg.types.json import Jsonb

from batchgen.db.sql import Queries
from content.epics.grouping import Bounds, grouped
from content.epics.values import Backlog, CardInput, KeptEpic

_QUERIES = Queries(Path(__file__).parent / "read.sql")


def backlog_read(*, project_id: str, run_id: str, options: Mapping[str, Any]) -> Backlog:
    """The project's cards, and the epics that the run leaves.

    Two statements: what changes between them is found when the epics are stored.
    """
    kept = _QUERIES.fetch(
        "kept_read", {"project_id": project_id, "run_id": run_id, "options": Jsonb(dict(options))}
    )
    cards = _QUERIES.fetch("cards_read", {"project_id": project_id})
    return Backlog(
        cards=tuple(
            [
                CardInput(
                    **{**row, "systems": tuple(row["systems"]), "themes": tuple(row["themes"])}
                )
                for row in cards
            ]
        ),
        kept=tuple([KeptEpic(**{**row, "cards": tuple(row["cards"])}) for row in kept]),
    )


def cards_group(
    *, cards: Sequence[CardInput], sizes: Sequence[int], bounds: Bounds
) -> tuple[tuple[CardInput, ...], ...]:
    """See `content.epics.grouping.grouped`; seconds of work for ten thousand cards."""
    return grouped(cards, sizes, bounds)


JOBS: Mapping[str, Callable[..., Any]] = {"backlog_read": backlog_read, "cards_group": cards_group}
