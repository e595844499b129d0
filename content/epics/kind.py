"""The kind "epics": the epics of one project, as the engine asks for them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar
from uuid import UUID

from batchgen.db.ids import new_id_text
from content.epics.jobs import JOBS
from content.epics.options import EpicsOptions
from content.epics.pipeline import Epics, foreseen, steps
from content.epics.prompts.rendering import PROMPTS, prompt_version
from content.epics.targets import project_reasons, project_to_cut
from content.epics.values import EpicDraft, EpicsInput
from content.kind import ContentKind, Loaded, Made, Options, Reason, Target
from content.language import language_of
from content.pipeline import Draft, Request, Steps, Work
from content.project_input import ProjectInput
from content.run_types import RunType
from epics.models import Epic, Project

_FOLDER = Path(__file__).parent


class EpicsKind(ContentKind[EpicsInput, Epics]):
    """See the contract."""

    name: ClassVar = "epics"
    run_types: ClassVar = (RunType.GENERATE_EPICS,)
    one_item: ClassVar = ()
    item_kind: ClassVar = "project"
    item_words: ClassVar = ("project", "projects")
    made_words: ClassVar = ("epic", "epics")
    phase: ClassVar = "ANALYZING"
    jobs: ClassVar = JOBS
    model: ClassVar = Project
    made: ClassVar = Made(model=Epic, target="project_id")
    kept_sql: ClassVar = """
        SELECT epics_kept_epics(
            ARRAY(SELECT id FROM epics_epic WHERE project_id = ANY (%(targets)s)), %(told)s
        )
    """
    options: ClassVar = EpicsOptions
    prompts: ClassVar = PROMPTS
    load_sql: ClassVar = (_FOLDER / "load.sql").read_text()
    store_sql: ClassVar = (_FOLDER / "store.sql").read_text()

    def targets(
        self, project: Project, ids: Sequence[UUID] | None, options: Options
    ) -> list[Target]:
        return project_to_cut(project, ids)

    def reasons(self, targets: Sequence[Target]) -> tuple[Reason, ...]:
        return project_reasons(targets)

    def options_text(self, options: Mapping[str, Any]) -> str:
        count = options["epic_count"]
        return "as many epics as suit the cards" if count is None else f"{count} epics"

    def prompt_key(self, options: Mapping[str, Any]) -> str:
        return prompt_version()

    def read(self, loaded: Loaded) -> EpicsInput:
        return EpicsInput(
            item_id=str(loaded.item_id),
            run_id=str(loaded.run_id),
            project_id=str(loaded.target_id),
            project=ProjectInput(**loaded.input["project"]),
            model=loaded.model,
            max_tokens=loaded.max_tokens,
            language=language_of(loaded.options, loaded.input["language"]),
            instructions=loaded.options["instructions"],
            prompts=PROMPTS.edited(loaded.prompts),
            options=loaded.options,
            epic_count=loaded.options["epic_count"],
            skip_quality_check=loaded.options["skip_quality_check"],
        )

    def steps(self, inp: EpicsInput) -> Steps[Draft[Epics]]:
        return steps(inp)

    def foreseen(self, inp: EpicsInput) -> Work[tuple[Request, ...]]:
        """As `ForeseesCalls`."""
        return foreseen(inp)

    def result(self, inp: EpicsInput, content: Epics) -> dict[str, Any]:
        return {"epics": [_row(epic) for epic in content]}


EPICS = EpicsKind()


def _row(epic: EpicDraft) -> dict[str, object]:
    return {
        "id": new_id_text(),
        "priority": epic.priority,
        "title": epic.title,
        "theme": epic.theme,
        "description": epic.description,
        "business_value": epic.business_value,
        "acceptance_criteria": epic.acceptance_criteria,
        "effort": epic.effort,
        "impact": epic.impact,
        "after": epic.after,
        "after_kept": epic.after_kept,
        "cards": epic.cards,
    }
