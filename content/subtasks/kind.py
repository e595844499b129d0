"""The kind "subtasks": what a team does for one story, as the engine asks for it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, cast
from uuid import UUID

from batchgen.db.ids import new_id_text
from content.kind import ContentKind, Loaded, Made, Options, Reason, Target
from content.language import language_of
from content.pipeline import Draft, Steps
from content.project_input import ProjectInput
from content.run_types import RunType
from content.subtasks.options import SubtasksOptions
from content.subtasks.pipeline import Subtasks, steps
from content.subtasks.prompts.rendering import PROMPTS, prompt_version
from content.subtasks.targets import stories_reasons, stories_to_break_down
from content.subtasks.values import BreakdownInput, EpicInput, KeptSubtask, StoryInput, SubtaskDraft
from epics.models import Project, Story, Subtask

_FOLDER = Path(__file__).parent


class SubtasksKind(ContentKind[BreakdownInput, Subtasks]):
    """See the contract."""

    name: ClassVar = "subtasks"
    run_types: ClassVar = (RunType.GENERATE_SUBTASKS,)
    one_item: ClassVar = ()
    item_kind: ClassVar = "story"
    item_words: ClassVar = ("story", "stories")
    made_words: ClassVar = ("subtask", "subtasks")
    phase: ClassVar = "GENERATING"
    model: ClassVar = Story
    made: ClassVar = Made(model=Subtask, target="story_id")
    kept_sql: ClassVar = """
        SELECT id FROM epics_subtask
        WHERE story_id = ANY (%(targets)s) AND epics_kept(edited_at, review_status, %(told)s)
    """
    options: ClassVar = SubtasksOptions
    prompts: ClassVar = PROMPTS
    load_sql: ClassVar = (_FOLDER / "load.sql").read_text()
    store_sql: ClassVar = (_FOLDER / "store.sql").read_text()

    def targets(
        self, project: Project, ids: Sequence[UUID] | None, options: Options
    ) -> list[Target]:
        chosen = cast("SubtasksOptions", options)
        return stories_to_break_down(project, ids, only_approved=chosen.only_approved)

    def reasons(self, targets: Sequence[Target]) -> tuple[Reason, ...]:
        return stories_reasons([target.facts for target in targets])

    def options_text(self, options: Mapping[str, Any]) -> str:
        return "approved ones alone" if options["only_approved"] else "approved or not"

    def prompt_key(self, options: Mapping[str, Any]) -> str:
        return f"subtasks:{prompt_version()}"

    def read(self, loaded: Loaded) -> BreakdownInput:
        given = loaded.input
        return BreakdownInput(
            item_id=str(loaded.item_id),
            project=ProjectInput(**given["project"]),
            epic=EpicInput(**given["epic"]),
            story=_story(loaded.code, given["story"]),
            model=loaded.model,
            max_tokens=loaded.max_tokens,
            prompts=PROMPTS.edited(loaded.prompts),
            language=language_of(loaded.options, given["language"]),
            instructions=loaded.options["instructions"],
            skip_quality_check=loaded.options["skip_quality_check"],
            withdrawn=loaded.options["only_approved"] and not given["approved"],
            kept=tuple(
                [
                    KeptSubtask(title=title, kind=kind, criteria=tuple(criteria))
                    for title, kind, criteria in given["kept"]
                ]
            ),
        )

    def steps(self, inp: BreakdownInput) -> Steps[Draft[Subtasks]]:
        return steps(inp)

    def result(self, inp: BreakdownInput, content: Subtasks) -> dict[str, Any]:
        return {"subtasks": [_row(subtask) for subtask in content]}


SUBTASKS = SubtasksKind()


def _story(code: str, fields: Mapping[str, Any]) -> StoryInput:
    criteria = tuple(fields["acceptance_criteria"])
    return StoryInput(code=code, **{**fields, "acceptance_criteria": criteria})


def _row(subtask: SubtaskDraft) -> dict[str, object]:
    return {
        "id": new_id_text(),
        "order": subtask.position,
        "title": subtask.title,
        "description": subtask.description,
        "kind": subtask.kind,
        "effort_hours": subtask.effort_hours,
        "criteria": subtask.criteria,
    }
