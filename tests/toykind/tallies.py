"""Word counts for notes: no call to anybody, one job a note."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

from content.errors import InvalidInput
from content.kind import ContentKind, Loaded, Options, Reason, Target
from content.pipeline import Draft, Job, StageBegun, Steps
from epics.models import Project
from tests.toykind.kind import Note, notes_of

COUNT_WORDS = "COUNT_WORDS"
_POLL_S = 0.02


def words_counted(*, note_id: str) -> int:
    """How many words the note has, once nobody holds it."""
    while (note := Note.objects.get(pk=note_id)).held:
        time.sleep(_POLL_S)
    words = note.text.split()
    if not words:
        raise InvalidInput("The note has no words. Write some.")
    return len(words)


@dataclass(frozen=True, kw_only=True, slots=True)
class TallyInput:
    note_id: str


class TalliesKind(ContentKind[TallyInput, int]):
    name: ClassVar = "tallies"
    run_types: ClassVar = (COUNT_WORDS,)
    one_item: ClassVar = ()
    item_kind: ClassVar = "note"
    item_words: ClassVar = ("note", "notes")
    made_words: ClassVar = ("tally", "tallies")
    phase: ClassVar = "ANALYZING"
    uses_provider: ClassVar = False
    holds_targets: ClassVar = False
    jobs: ClassVar = {"count": words_counted}
    model: ClassVar = Note
    options: ClassVar = Options
    load_sql: ClassVar = """tallies_loaded AS (
        SELECT claimed.item_id, '{}'::jsonb AS input
        FROM claimed JOIN toykind_note note ON note.id = claimed.target_id
    )"""
    store_sql: ClassVar = """tallies_written AS (
        UPDATE toykind_note SET words = (done.result ->> 'words')::int
        FROM done WHERE toykind_note.id = done.target_id
        RETURNING done.item_id
    ), tallies_stored AS (
        SELECT item_id, 1 AS created, 0 AS kept FROM tallies_written
    )"""

    def targets(
        self, project: Project, ids: Sequence[UUID] | None, options: Options
    ) -> list[Target]:
        return notes_of(project, ids)

    def reasons(self, targets: Sequence[Target]) -> tuple[Reason, ...]:
        return ()

    def options_text(self, options: Mapping[str, Any]) -> str:
        return "words"

    def prompt_key(self, options: Mapping[str, Any]) -> str:
        return ""

    def read(self, loaded: Loaded) -> TallyInput:
        return TallyInput(note_id=str(loaded.target_id))

    def steps(self, inp: TallyInput) -> Steps[Draft[int]]:
        yield StageBegun(name="component-generation")
        words = yield Job(key="count", name="count", args={"note_id": inp.note_id})
        yield StageBegun(name="storage")
        return Draft(content=words, summary=f"{words} words")

    def result(self, inp: TallyInput, content: int) -> dict[str, Any]:
        return {"words": content}


TALLIES = TalliesKind()
