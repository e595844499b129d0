"""The kind "pages": the content of one page, as the engine asks for it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, cast
from uuid import UUID

from django.conf import settings

from content.kind import ContentKind, Loaded, Made, Options, Reason, Target
from content.language import language_of
from content.pages.components import DEFAULTS
from content.pages.likeness import signature
from content.pages.models import Page
from content.pages.options import PagesOptions
from content.pages.pipeline import Content, foreseen, steps
from content.pages.priority import pages_reasons
from content.pages.prompts.rendering import PROMPTS, prompt_version
from content.pages.targets import pages_kept, pages_to_write
from content.pages.values import (
    BrandVoice,
    ComponentDraft,
    GenerationInput,
    Neighbour,
    PageInput,
    ProjectInput,
)
from content.pipeline import Draft, Request, Steps, Work
from content.run_types import RunType
from epics.languages import is_language, language_tags
from epics.models import Project

_FOLDER = Path(__file__).parent


class PagesKind(ContentKind[GenerationInput, Content]):
    """See the contract."""

    name: ClassVar = "pages"
    run_types: ClassVar = (RunType.GENERATE_PAGES,)
    one_item: ClassVar = ()
    item_kind: ClassVar = "page"
    item_words: ClassVar = ("page", "pages")
    made_words: ClassVar = ("page's content", "pages' contents")
    phase: ClassVar = "GENERATING"
    model: ClassVar = Page
    made: ClassVar = Made(model=Page, target="id")
    kept_sql: ClassVar = """
        SELECT id FROM pages_page
        WHERE id = ANY (%(targets)s) AND epics_kept(edited_at, review_status, %(told)s)
    """
    options: ClassVar = PagesOptions
    prompts: ClassVar = PROMPTS
    reads_others: ClassVar = True
    load_sql: ClassVar = (_FOLDER / "load.sql").read_text()
    store_sql: ClassVar = (_FOLDER / "store.sql").read_text()

    def targets(
        self, project: Project, ids: Sequence[UUID] | None, options: Options
    ) -> list[Target]:
        return pages_to_write(project, ids, cast("PagesOptions", options))

    def left_out(self, project: Project, options: Options) -> int:
        return pages_kept(project, cast("PagesOptions", options))

    def reasons(self, targets: Sequence[Target]) -> tuple[Reason, ...]:
        return pages_reasons([target.facts for target in targets])

    def options_text(self, options: Mapping[str, Any]) -> str:
        kept = [
            word
            for word, name in (("edited", "keep_edited"), ("approved", "keep_approved"))
            if options[name]
        ]
        return f"keeps {' and '.join(kept)} ones" if kept else "replaces all"

    def prompt_key(self, options: Mapping[str, Any]) -> str:
        return f"pages:{prompt_version()}"

    def read(self, loaded: Loaded) -> GenerationInput:
        given, options = loaded.input, loaded.options
        language = _language(options, given)
        return GenerationInput(
            item_id=str(loaded.item_id),
            project=ProjectInput(**given["project"], voice=_voice(given["project_voice"])),
            page=_page(loaded.code, given),
            language=language,
            language_tag=(language_tags(language) or ("",))[-1],
            model=loaded.model,
            max_tokens=loaded.max_tokens,
            prompts=PROMPTS.edited(loaded.prompts),
            neighbours=tuple(
                [Neighbour(code=code, signature=text) for code, text in given["neighbours"]]
            ),
            instructions=options["instructions"],
            skip_quality_check=options["skip_quality_check"],
            kept=given["kept"],
            quality_bar=settings.QUALITY_BAR,
            prompt_revision=given["prompt_revision"],
        )

    def steps(self, inp: GenerationInput) -> Steps[Draft[Content]]:
        return steps(inp)

    def foreseen(self, inp: GenerationInput) -> Work[tuple[Request, ...]]:
        """As `ForeseesCalls`."""
        return foreseen(inp)

    def result(self, inp: GenerationInput, content: Content) -> dict[str, Any]:
        if content is None:
            return {}
        return {
            "meta_title": content.meta_title,
            "meta_description": content.meta_description,
            "components": [_row(each) for each in content.components if each is not None],
            "keyword_coverage": content.keyword_coverage,
            "quality_score": content.quality_score,
            "defects": [defect.as_json() for defect in content.defects],
            "signature": signature(content.text),
            "prompt_revision": inp.prompt_revision,
        }


PAGES = PagesKind()


def _language(options: Mapping[str, Any], given: Mapping[str, Any]) -> str:
    """The page's own: its address is in that language, whatever a run is for."""
    own: str = given["language"]
    if own and is_language(own):
        return own
    return language_of(options, given["project_language"])


def _page(code: str, given: Mapping[str, Any]) -> PageInput:
    fields = given["page"]
    return PageInput(
        code=code,
        page_type=fields["page_type"],
        url=fields["url"],
        title=fields["title"],
        keywords=tuple(fields["keywords"]),
        components=tuple(fields["components"] or DEFAULTS[fields["page_type"]]),
        facts=fields["facts"],
        voice=_voice(given["voice"]),
    )


def _voice(given: Mapping[str, Any] | None) -> BrandVoice:
    said = given or {}
    lists = {name: tuple(said.get(name) or ()) for name in ("do", "dont")}
    return BrandVoice(
        tone=said.get("tone") or "",
        banned_words=tuple(said.get("bannedWords") or ()),
        sample=said.get("sample") or "",
        **lists,
    )


def _row(component: ComponentDraft) -> dict[str, object]:
    return {
        "type": component.name,
        "heading": component.heading,
        "markdown": component.markup.markdown,
        "html": component.markup.html,
    }
