"""The kind "cards": what one upload voices, as the engine asks for it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, cast
from uuid import UUID

from batchgen.db.ids import new_id_text
from content.cards.jobs import JOBS
from content.cards.options import CardsOptions
from content.cards.pipeline import Cards, foreseen, steps
from content.cards.prompts.rendering import PROMPTS, prompt_version
from content.cards.targets import uploads_reasons, uploads_to_analyze
from content.cards.values import AnalysisInput, CardDraft, KeptCard
from content.kind import ContentKind, Loaded, Made, Options, Reason, Target
from content.language import frame_of, language_of
from content.pipeline import Draft, Request, Steps, Work
from content.project_input import ProjectInput
from content.run_types import RunType
from epics import bounds
from epics.models import Card, Project, Upload

_FOLDER = Path(__file__).parent
#: What a card says that rests on nothing.
UNQUOTED = "Its quote was not found in the upload."


class CardsKind(ContentKind[AnalysisInput, Cards]):
    """See the contract."""

    name: ClassVar = "cards"
    run_types: ClassVar = (RunType.ANALYZE_CARDS,)
    one_item: ClassVar = ()
    item_kind: ClassVar = "upload"
    item_words: ClassVar = ("upload", "uploads")
    made_words: ClassVar = ("card", "cards")
    phase: ClassVar = "ANALYZING"
    jobs: ClassVar = JOBS
    model: ClassVar = Upload
    made: ClassVar = Made(model=Card, target="upload_id")
    kept_sql: ClassVar = "SELECT epics_kept_cards(%(targets)s, %(told)s)"
    options: ClassVar = CardsOptions
    prompts: ClassVar = PROMPTS
    load_sql: ClassVar = (_FOLDER / "load.sql").read_text()
    store_sql: ClassVar = (_FOLDER / "store.sql").read_text()

    def targets(
        self, project: Project, ids: Sequence[UUID] | None, options: Options
    ) -> list[Target]:
        chosen = cast("CardsOptions", options)
        return uploads_to_analyze(project, ids, only_new=chosen.only_new)

    def reasons(self, targets: Sequence[Target]) -> tuple[Reason, ...]:
        return uploads_reasons([target.facts for target in targets])

    def options_text(self, options: Mapping[str, Any]) -> str:
        return "new ones alone" if options["only_new"] else "analyzed before or not"

    def prompt_key(self, options: Mapping[str, Any]) -> str:
        return f"cards:{prompt_version()}"

    def read(self, loaded: Loaded) -> AnalysisInput:
        given = loaded.input
        language = language_of(loaded.options, given["language"])
        return AnalysisInput(
            item_id=str(loaded.item_id),
            upload_id=str(loaded.target_id),
            name=given["name"],
            project=ProjectInput(**given["project"]),
            model=loaded.model,
            max_tokens=loaded.max_tokens,
            prompts=PROMPTS.edited(loaded.prompts),
            language=language,
            frame=frame_of(language),
            instructions=loaded.options["instructions"],
            skip_quality_check=loaded.options["skip_quality_check"],
            kept=tuple([KeptCard(**card) for card in given["kept"]]),
            room=bounds.MAX_CARDS - given["others"] - len(given["kept"]),
        )

    def steps(self, inp: AnalysisInput) -> Steps[Draft[Cards]]:
        return steps(inp)

    def foreseen(self, inp: AnalysisInput) -> Work[tuple[Request, ...]]:
        """As `ForeseesCalls`."""
        return foreseen(inp)

    def result(self, inp: AnalysisInput, content: Cards) -> dict[str, Any]:
        return {"cards": [_row(place, card) for place, card in enumerate(content, start=1)]}


CARDS = CardsKind()


def _row(place: int, card: CardDraft) -> dict[str, object]:
    return {
        "id": new_id_text(),
        "place": place,
        "title": card.title,
        "persona": card.persona,
        "statement": card.statement,
        "problem": card.problem,
        "systems": card.systems,
        "themes": card.themes,
        "quote": card.quote,
        "review_note": "" if card.quote else UNQUOTED,
    }
