"""The kind "stories": user stories for one epic, as the engine asks for them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar
from uuid import UUID

from django.conf import settings

from batchgen.db.ids import new_id_text
from content.kind import ContentKind, Loaded, Made, Options, Reason, Target
from content.language import frame_of, language_of
from content.pipeline import Draft, Steps
from content.project_input import ProjectInput
from content.run_types import RunType
from content.stories.options import StoriesOptions
from content.stories.pipeline import steps
from content.stories.priority import epics_reasons
from content.stories.prompts.rendering import PROMPTS, prompt_version
from content.stories.targets import epics_to_write
from content.stories.values import CardInput, EpicInput, GenerationInput, KeptStory, StoryDraft
from epics.models import Epic, Project, Story

_FOLDER = Path(__file__).parent
Stories = tuple[StoryDraft, ...]


class StoriesKind(ContentKind[GenerationInput, Stories]):
    """See the contract."""

    name: ClassVar = "stories"
    run_types: ClassVar = (RunType.GENERATE_STORIES, RunType.GENERATE_ALL_STORIES)
    one_item: ClassVar = (RunType.GENERATE_STORIES,)
    item_kind: ClassVar = "epic"
    item_words: ClassVar = ("epic", "epics")
    made_words: ClassVar = ("story", "stories")
    phase: ClassVar = "GENERATING_STORIES"
    model: ClassVar = Epic
    made: ClassVar = Made(model=Story, target="epic_id")
    kept_sql: ClassVar = "SELECT epics_kept_stories(%(targets)s, %(told)s)"
    options: ClassVar = StoriesOptions
    prompts: ClassVar = PROMPTS
    load_sql: ClassVar = (_FOLDER / "load.sql").read_text()
    store_sql: ClassVar = (_FOLDER / "store.sql").read_text()

    def targets(
        self, project: Project, ids: Sequence[UUID] | None, options: Options
    ) -> list[Target]:
        return epics_to_write(project, ids)

    def reasons(self, targets: Sequence[Target]) -> tuple[Reason, ...]:
        return epics_reasons([target.facts for target in targets])

    def options_text(self, options: Mapping[str, Any]) -> str:
        return f"{options['mode']}, personas {options['persona_set']}"

    def prompt_key(self, options: Mapping[str, Any]) -> str:
        return prompt_version(options["mode"], options["persona_set"])

    def read(self, loaded: Loaded) -> GenerationInput:
        language = language_of(loaded.options, loaded.input["language"])
        return GenerationInput(
            run_epic_id=str(loaded.item_id),
            project=ProjectInput(**loaded.input["project"]),
            epic=_epic(loaded.code, loaded.input["epic"]),
            cards=tuple([_card(fields) for fields in loaded.input["cards"]]),
            mode=loaded.options["mode"],
            persona_set=loaded.options["persona_set"],
            model=loaded.model,
            max_tokens=loaded.max_tokens,
            skip_quality_check=loaded.options["skip_quality_check"],
            prompts=PROMPTS.edited(loaded.prompts),
            language=language,
            frame=frame_of(language),
            instructions=loaded.options["instructions"],
            quality_bar=settings.QUALITY_BAR,
            kept=tuple(
                [KeptStory(title=title, user_story=story) for title, story in loaded.input["kept"]]
            ),
            prompt_revision=loaded.input["prompt_revision"],
        )

    def steps(self, inp: GenerationInput) -> Steps[Draft[Stories]]:
        return steps(inp)

    def result(self, inp: GenerationInput, content: Stories) -> dict[str, Any]:
        return {
            "stories": [_row(story) for story in content],
            "prompt_revision": inp.prompt_revision,
        }


STORIES = StoriesKind()


def _epic(code: str, fields: Mapping[str, Any]) -> EpicInput:
    lists = {name: tuple(fields[name]) for name in ("acceptance_criteria", "dependencies")}
    return EpicInput(code=code, **{**fields, **lists, "title": fields["title"] or code})


def _card(fields: list[Any]) -> CardInput:
    code, title, persona, statement, problem, systems = fields
    return CardInput(
        code=code,
        title=title,
        persona=persona,
        statement=statement,
        problem=problem,
        systems=tuple(systems),
    )


def _row(story: StoryDraft) -> dict[str, object]:
    return {
        "id": new_id_text(),
        "order": story.position,
        "title": story.title,
        "user_story": story.user_story,
        "persona": story.persona,
        "acceptance_criteria": story.acceptance_criteria,
        "technical_notes": story.technical_notes,
        "priority": story.priority,
        "effort": story.effort,
        "quality_score": story.quality_score,
        "defects": [defect.as_json() for defect in story.defects],
    }
