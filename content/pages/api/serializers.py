"""Pages as JSON: what is shown of them, and what may be sent."""
# ruff: noqa: N815 - a field's name is its key in the JSON

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from batchgen.api.inputs import (
    Flag,
    ListOf,
    Moment,
    QuerySerializer,
    StrictSerializer,
    WholeNumber,
)
from batchgen.api.output import shown
from batchgen.api.paging import order_choices
from content.pages.addresses import address_key
from content.pages.components import COMPONENTS
from content.pages.facts import facts_checked, keywords_once
from content.pages.files.page_export import FORMATS
from content.pages.models import Page
from content.pages.priority import HIGHEST
from epics import bounds
from epics.api.fields import (
    BrandVoiceInput,
    LanguageField,
    TextField,
    line_field,
)
from epics.api.serializers import BrandVoiceOutput, QualityOutput
from epics.api.versions import VersionInput
from epics.models import ReviewStatus

_MOST_COUNT = 2**31 - 1

# Answers --------------------------------------------------------------------------------------


class ComponentOutput(serializers.Serializer[Any]):
    type = serializers.ChoiceField(list(COMPONENTS))
    heading = serializers.CharField()
    markdown = serializers.CharField(help_text="Without HTML.")
    html = serializers.CharField(help_text="Made from the Markdown, and sanitised.")


class ContentOutput(serializers.Serializer[Page]):
    metaTitle = serializers.CharField(source="meta_title")
    metaDescription = serializers.CharField(source="meta_description")
    components = ComponentOutput(many=True, source="content_components")
    keywordCoverage = serializers.FloatField(
        source="keyword_coverage",
        allow_null=True,
        help_text="Of its keywords so much is in the text, 0 to 1; null after a person's edit.",
    )
    quality = QualityOutput(source="*")
    runId = serializers.UUIDField(source="run_id", allow_null=True)
    generatedAt = serializers.DateTimeField(source="generated_at", allow_null=True)
    editedAt = serializers.DateTimeField(source="edited_at", allow_null=True)
    reviewStatus = serializers.ChoiceField(ReviewStatus.choices, source="review_status")
    reviewNote = serializers.CharField(source="review_note")


class MetadataOutput(serializers.Serializer[Page]):
    skuCount = serializers.IntegerField(source="sku_count", allow_null=True)
    monthlySearches = serializers.IntegerField(source="monthly_searches", allow_null=True)
    contentStatus = serializers.ChoiceField(Page.ContentStatus.choices, source="content_status")


class PageOutput(serializers.ModelSerializer[Page]):
    projectId = serializers.UUIDField(source="project_id", read_only=True)
    pageType = serializers.ChoiceField(Page.Type.choices, source="page_type", read_only=True)
    keywords = serializers.ListField(child=serializers.CharField(), read_only=True)
    language = serializers.CharField(read_only=True, help_text="Empty: the project's.")
    brandVoice = BrandVoiceOutput(
        source="brand_voice",
        read_only=True,
        allow_null=True,
        help_text="What is empty in it is the project's.",
    )
    components = serializers.ListField(
        child=serializers.ChoiceField(list(COMPONENTS)),
        read_only=True,
        allow_null=True,
        help_text="Null: the usual ones of the page's type.",
    )
    facts = serializers.DictField(read_only=True)
    metadata = MetadataOutput(source="*", read_only=True)
    content = serializers.SerializerMethodField(help_text="Null until it is written.")
    createdAt = serializers.DateTimeField(source="created_at", read_only=True)

    class Meta:
        model = Page
        fields = (
            "id",
            "projectId",
            "code",
            "pageType",
            "url",
            "title",
            "keywords",
            "language",
            "brandVoice",
            "components",
            "facts",
            "metadata",
            "deadline",
            "priority",
            "content",
            "createdAt",
            "version",
        )
        read_only_fields = fields

    @extend_schema_field(ContentOutput(allow_null=True))
    def get_content(self, page: Page) -> dict[str, Any] | None:
        return shown(ContentOutput, page) if page.has_content else None


class PagesImportOutput(serializers.Serializer[Any]):
    projectId = serializers.UUIDField()
    pageCount = serializers.IntegerField(help_text="Of the list that was sent.")
    created = serializers.IntegerField()
    updated = serializers.IntegerField(help_text="Those that were there, and that it changed.")
    unchanged = serializers.IntegerField()
    warnings = serializers.ListField(
        child=serializers.CharField(), help_text="Columns that were not read."
    )


# Bodies ---------------------------------------------------------------------------------------


class AddressField(TextField):
    """Of a page."""

    def to_internal_value(self, data: Any) -> str:
        url = super().to_internal_value(data)
        try:
            address_key(url)
        except ValueError as error:
            raise serializers.ValidationError(str(error)) from error
        return url


@extend_schema_field({"type": "object", "additionalProperties": True})
class FactsField(serializers.JSONField):
    """What is known of a page."""

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, dict):
            raise serializers.ValidationError("This must be an object.")
        try:
            return facts_checked(data)
        except ValueError as error:
            raise serializers.ValidationError(str(error)) from error


class MetadataInput(StrictSerializer):
    skuCount = WholeNumber(
        min_value=0, max_value=_MOST_COUNT, required=False, allow_null=True, source="sku_count"
    )
    monthlySearches = WholeNumber(
        min_value=0,
        max_value=_MOST_COUNT,
        required=False,
        allow_null=True,
        source="monthly_searches",
    )
    contentStatus = serializers.ChoiceField(
        Page.ContentStatus.choices, required=False, source="content_status"
    )


class PageInput(StrictSerializer):
    pageType = serializers.ChoiceField(Page.Type.choices, source="page_type")
    url = AddressField(
        max_length=bounds.URL_CHARS,
        help_text="Whole, or a path; no two pages of a project have the same, however written.",
    )
    title = line_field(bounds.TITLE_CHARS)
    keywords = ListOf(  # type: ignore[assignment]  # declared fields leave the class
        child=TextField(max_length=bounds.NAME_CHARS), max_length=bounds.KEYWORDS, required=False
    )
    language = LanguageField(
        max_length=bounds.CODE_CHARS,
        required=False,
        allow_blank=True,
        help_text="Empty: the project's.",
    )
    brandVoice = BrandVoiceInput(
        source="brand_voice",
        required=False,
        allow_null=True,
        help_text="What is empty in it is the project's.",
    )
    components = ListOf(
        child=serializers.ChoiceField(list(COMPONENTS)),
        max_length=bounds.PAGE_COMPONENTS,
        min_length=1,
        required=False,
        allow_null=True,
        help_text="Each once, in their order; null: the usual ones of the page's type.",
    )
    facts = FactsField(
        required=False,
        help_text=(
            "What the content may say, and nothing else: {name: text, number, true, false, null, "
            f"or lists and objects of these}}, at most {bounds.FACTS_CHARS:,} characters as JSON."
        ),
    )
    metadata = MetadataInput(required=False, source="*", help_text="What its urgency is made of.")
    deadline = Moment(required=False, allow_null=True)
    priority = WholeNumber(
        min_value=0,
        max_value=HIGHEST,
        required=False,
        allow_null=True,
        help_text=(
            "The highest comes first; null: 5. Of equal ones `metadata` and `deadline` decide."
        ),
    )

    answered = PageOutput.Meta.fields

    def validate_keywords(self, keywords: list[str]) -> list[str]:
        return keywords_once(keywords)

    def validate_components(self, names: list[str] | None) -> list[str] | None:
        if names and len(set(names)) < len(names):
            raise serializers.ValidationError("A component is named twice.")
        return names


class ComponentInput(StrictSerializer):
    type = serializers.ChoiceField(list(COMPONENTS))
    heading = TextField(max_length=bounds.TITLE_CHARS, allow_blank=True, default="")
    markdown = TextField(max_length=bounds.TEXT_CHARS, lines=True, allow_blank=True)

    answered = ("html",)


class ContentInput(StrictSerializer):
    metaTitle = line_field(bounds.META_TITLE_CHARS, source="meta_title")
    metaDescription = line_field(bounds.META_DESCRIPTION_CHARS, source="meta_description")
    components = ListOf(
        child=ComponentInput(),
        max_length=bounds.PAGE_COMPONENTS,
        required=False,
        source="content_components",
        help_text="All of them.",
    )

    answered = tuple(ContentOutput().fields)


class PagePatch(VersionInput, PageInput):
    content = ContentInput(
        required=False,
        help_text="A person's content: a draft, which runs keep. What is left out stays.",
    )


# Queries --------------------------------------------------------------------------------------

#: What pages can be ordered by: {name in the JSON: column}.
PAGE_ORDERS = {"order": "order", "title": "title", "url": "url"}


class PagesQuery(QuerySerializer):
    q = line_field(help_text="Part of the title or the address, in any case.")
    type = serializers.ChoiceField(Page.Type.choices, required=False)
    contentStatus = serializers.ChoiceField(Page.ContentStatus.choices, required=False)
    reviewStatus = serializers.ChoiceField(
        ReviewStatus.choices, required=False, help_text="Of pages that have content."
    )
    language = line_field(bounds.CODE_CHARS, help_text="In any case.")
    order = serializers.ChoiceField(
        order_choices(PAGE_ORDERS), default="order", help_text="With `-`: the other way round."
    )


class PagesExportQuery(QuerySerializer):
    format = serializers.ChoiceField(list(FORMATS), default="json")
    bom = Flag(
        allow_null=True,
        default=None,
        help_text=(
            "Begin with a byte order mark, by which Excel knows UTF-8: yes for `csv`, unless "
            "`false`; never for `json`."
        ),
    )
