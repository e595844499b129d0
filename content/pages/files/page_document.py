"""A list of pages as one JSON document: its shape, and how it is checked as a whole."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from batchgen.api.inputs import whole
from content.pages.addresses import address_key
from content.pages.components import COMPONENTS
from content.pages.facts import facts_checked, keywords_once
from content.pages.priority import HIGHEST
from content.pages.services import components_stored
from epics import bounds
from epics.files.backlog_document import BacklogQuality, BrandVoice
from epics.files.document_fields import (
    AnyLanguage,
    AnyTitle,
    Count,
    EditedAt,
    MetaDescription,
    MetaTitle,
    Name,
    Text,
    Url,
    few,
    shared,
)
from epics.files.document_parts import (
    MOST_COUNTED,
    Part,
    Problem,
    part_valid,
    parts_valid,
    refusal,
)

REFUSED = "The pages were not imported."


def _address(url: str) -> str:
    address_key(url)
    return url


def _named(name: str) -> str:
    if name not in COMPONENTS:
        raise ValueError(f"There is no such component. There are {', '.join(COMPONENTS)}.")
    return name


def _once(names: list[str]) -> list[str]:
    if len(set(names)) < len(names):
        raise ValueError("A component is named twice.")
    return names


_Component = Annotated[
    str, AfterValidator(_named), Field(json_schema_extra={"enum": list(COMPONENTS)})
]
_Components = Annotated[
    list[_Component],
    Field(min_length=1),
    few(bounds.PAGE_COMPONENTS),
    AfterValidator(_once),
]
_Keywords = Annotated[list[Name], few(bounds.KEYWORDS), AfterValidator(keywords_once)]
_Facts = Annotated[dict[str, Any], AfterValidator(facts_checked)]
_PagePriority = Annotated[int, Field(ge=0, le=HIGHEST), BeforeValidator(whole)]
_ContentStatus = Literal["missing", "outdated", "current"]


class PageMetadata(Part):
    """What a page's urgency is computed from."""

    sku_count: Count | None = None
    monthly_searches: Count | None = None
    content_status: _ContentStatus = "missing"


class PageComponent(Part):
    """A component of a page's content."""

    type: _Component
    heading: AnyTitle = ""
    markdown: Text
    #: Made from the Markdown, whatever stands here.
    html: Any = None


class PageContent(Part):
    """A page's content, as an export has it."""

    meta_title: MetaTitle = ""
    meta_description: MetaDescription = ""
    components: Annotated[list[PageComponent], few(bounds.PAGE_COMPONENTS)] = shared([])
    keyword_coverage: Annotated[int | float, Field(ge=0, le=1)] | None = None
    quality: BacklogQuality = shared(BacklogQuality())
    review_status: Literal["draft", "approved", "rejected"] = "draft"
    review_note: Text = ""
    #: When a run wrote it, and when a person last changed it: one of them at least.
    generated_at: EditedAt = None
    edited_at: EditedAt = None

    @model_validator(mode="after")
    def _somebody_wrote_it(self) -> "PageContent":
        if self.generated_at is None and self.edited_at is None:
            raise ValueError("Say when it was written: generatedAt by a run, editedAt by a person.")
        return self


class PageEntry(Part):
    """A page. What is left out stays as it is where there is a page of this address."""

    page_type: Literal["product", "category", "brand", "inspire", "engage"]
    url: Annotated[Url, AfterValidator(_address)]
    title: AnyTitle = ""
    keywords: _Keywords = shared([])
    language: AnyLanguage = ""
    brand_voice: BrandVoice | None = None
    components: _Components | None = None
    facts: _Facts = Field(default_factory=dict)
    metadata: PageMetadata = shared(PageMetadata())
    deadline: EditedAt = None
    priority: _PagePriority | None = None
    content: PageContent | None = None

    def row(self) -> dict[str, Any]:
        """{column: value} of what it says."""
        said = self.model_dump(exclude={"brand_voice", "metadata", "content"}, exclude_unset=True)
        if "brand_voice" in self.model_fields_set:
            said["brand_voice"] = self.brand_voice and self.brand_voice.model_dump(by_alias=True)
        said |= self.metadata.model_dump(exclude_unset=True)
        return {**said, "url_key": address_key(self.url), **_content(self.content)}


class PagesDocument(Part):
    """Pages to import."""

    pages: Annotated[list[PageEntry], Field(max_length=bounds.IMPORT_PAGES)]


class _Frame(Part):
    """The same, its pages only counted."""

    pages: Annotated[list[Any], Field(max_length=bounds.IMPORT_PAGES)]


def pages_parse(document: object) -> list[dict[str, Any]]:
    """The pages of the document, {column: value} each.

    Raises:
        ValidationFailed: details have up to MAX_PROBLEMS problems, each under its path.
    """
    problems: list[Problem] = []
    frame = part_valid(_Frame, document, problems)
    entries = parts_valid(PageEntry, frame.pages, problems, "pages") if frame else []
    rows = [entry.row() for entry in entries]
    if not problems:
        places = [f"pages[{index}]" for index in range(len(rows))]
        problems += islice(same_addresses(rows, places, "{}.url"), MOST_COUNTED)
    if problems:
        raise refusal(REFUSED, problems)
    return rows


def same_addresses(
    rows: Sequence[dict[str, Any]], places: Sequence[str], field: str
) -> Iterator[Problem]:
    """What is wrong where two rows are the same page.

    Args:
        places: where each row stands.
        field: where the address stands in a place, which is put for {}.
    """
    first: dict[str, str] = {}
    for row, place in zip(rows, places, strict=True):
        other = first.setdefault(row["url_key"], place)
        if other != place:
            yield field.format(place), f"This is the address of {other}, too."


def _content(content: PageContent | None) -> dict[str, Any]:
    if content is None:
        return {}
    components = [component.model_dump() for component in content.components]
    return {
        **content.model_dump(exclude={"components", "quality"}),
        **components_stored(components),
        "quality_score": content.quality.score,
        "defects": content.quality.defects,
    }
