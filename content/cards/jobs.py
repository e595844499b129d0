"""The jobs of the steps: what is read from the database, and what takes long to work out."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from batchgen.db.sql import Queries
from content.cards.merging import merged
from content.cards.parts import cut
from content.cards.values import CardDraft, KeptCard, Part

_QUERIES = Queries(Path(__file__).parent / "read.sql")


def upload_read(*, upload_id: str) -> tuple[Part, ...]:
    """The parts of an upload's text; none where it is gone."""
    rows = _QUERIES.fetch("upload_read", {"upload_id": upload_id})
    return cut(rows[0]["text"]) if rows else ()


def cards_merge(
    *, cards: Sequence[CardDraft], kept: Sequence[KeptCard]
) -> tuple[tuple[CardDraft, ...], int]:
    """See `content.cards.merging.merged`; a second of work for a few thousand cards."""
    return merged(cards, kept)


JOBS: Mapping[str, Callable[..., Any]] = {"upload_read": upload_read, "cards_merge": cards_merge}
