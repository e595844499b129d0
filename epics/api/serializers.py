"""The backlog's JSON. Inputs state the same limits as an import."""
# ruff: noqa: N815 - a field's name is its key in the JSON

import unicodedata
from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

from batchgen.api.inputs import (
    Flag,
    ListOf,
    PlainText,
    QuerySerializer,
    StrictSerializer,
    WholeNumber,
)
from batchgen.api.paging import order_choices
from epics import bounds
from epics.languages import REFUSAL, is_language
from epics.models import Card, Epic, Project, Story


class TextField(PlainText):
    """Text without control characters; `lines=True` allows tabs and line breaks."""

    default_error_messages = {"control": "The control character {found} is not allowed here."}

    def __init__(self, *, lines: bool = False, **kwargs: Any) -> None:
        self._lines = lines
        super().__init__(**kwargs)

        self.pattern = bounds.pattern(lines=lines, filled=not self.allow_blank)

    def check(self, text: str) -> None:
        super().check(text)
        if not self.allow_blank and not bounds.is_seen(text):
            self.fail("blank")
        if found := bounds.control_character(text, lines=self._lines):
            self.fail("control", found=found)


class CodeField(TextField):
    """A short name that people tell apart at sight."""

    default_error_messages = {"unseen": "The invisible character {found} is not allowed in a code."}

    def to_internal_value(self, data: Any) -> str:
        code = super().to_internal_value(data)
        if found := bounds.unseen_character(code):
            self.fail("unseen", found=found)
        return unicodedata.normalize("NFC", code)


class LanguageField(TextField):
    """A language out of the list."""

    default_error_messages = {"language": REFUSAL}

    def to_internal_value(self, data: Any) -> str:
        name = super().to_internal_value(data)
        if not is_language(name):
            self.fail("language")
        return name


def _code() -> CodeField:
    return CodeField(max_length=bounds.CODE_CHARS)


def _title() -> TextField:
    return TextField(max_length=bounds.TITLE_CHARS)


def _line(chars: int = bounds.NAME_CHARS, **kwargs: Any) -> TextField:
    return TextField(max_length=chars, required=False, allow_blank=True, **kwargs)


def _text(chars: int = bounds.TEXT_CHARS, **kwargs: Any) -> TextField:
    return TextField(max_length=chars, required=False, allow_blank=True, lines=True, **kwargs)


def _texts(child: TextField, **kwargs: Any) -> ListOf:
    return ListOf(child=child, max_length=bounds.LIST_ENTRIES, required=False, **kwargs)


def _criteria() -> ListOf:
    child = TextField(max_length=bounds.CRITERION_CHARS, lines=True)
    return _texts(child, source="acceptance_criteria")


class VersionInput(StrictSerializer):
    """What every PATCH shares: a version, and that any field may be left out."""

    version = WholeNumber(
        required=False,
        min_value=1,
        max_value=2**31 - 1,
        help_text="The version that you read; another one now answers 409 VERSION_CONFLICT.",
    )

    def get_fields(self) -> dict[str, Any]:
        fields = super().get_fields()
        for field in fields.values():
            field.required = False
        return fields


# Projects -------------------------------------------------------------------------------------


class ProjectOutput(serializers.ModelSerializer[Project]):
    epicCount = serializers.IntegerField(source="epic_count", read_only=True)
    cardCount = serializers.IntegerField(source="card_count", read_only=True)
    storyCount = serializers.IntegerField(source="story_count", read_only=True)
    activeRunId = serializers.UUIDField(source="active_run_id", read_only=True, allow_null=True)
    createdAt = serializers.DateTimeField(source="created_at", read_only=True)
    updatedAt = serializers.DateTimeField(source="updated_at", read_only=True)

    class Meta:
        model = Project
        fields = (
            "id",
            "name",
            "code",
            "description",
            "context",
            "language",
            "source",
            "epicCount",
            "cardCount",
            "storyCount",
            "activeRunId",
            "createdAt",
            "updatedAt",
            "version",
        )
        read_only_fields = fields


class ProjectInput(StrictSerializer):
    name = TextField(max_length=bounds.NAME_CHARS)
    code = _line(bounds.CODE_CHARS)
    description = _text()
    context = _text(bounds.CONTEXT_CHARS)  # type: ignore[assignment]  # declared fields leave the class
    language = LanguageField(max_length=bounds.CODE_CHARS, required=False)
    source = _text()  # type: ignore[assignment]  # as above

    answered = ProjectOutput.Meta.fields


class ProjectPatch(VersionInput, ProjectInput):
    pass


# Cards ----------------------------------------------------------------------------------------


class CardOutput(serializers.ModelSerializer[Card]):
    projectId = serializers.UUIDField(source="project_id", read_only=True)

    class Meta:
        model = Card
        fields = (
            "id",
            "projectId",
            "code",
            "title",
            "persona",
            "statement",
            "problem",
            "systems",
            "version",
        )
        read_only_fields = fields


class CardInput(StrictSerializer):
    code = CodeField(
        max_length=bounds.CODE_CHARS, required=False, help_text="Default: the next free one."
    )
    title = _title()
    persona = _line()
    statement = _text()
    problem = _text(allow_null=True)
    systems = _texts(TextField(max_length=bounds.NAME_CHARS))

    answered = CardOutput.Meta.fields


class CardPatch(VersionInput, CardInput):
    pass


# Epics ----------------------------------------------------------------------------------------


class EpicOutput(serializers.ModelSerializer[Epic]):
    projectId = serializers.UUIDField(source="project_id", read_only=True)
    businessValue = serializers.CharField(source="business_value", read_only=True)
    acceptanceCriteria = serializers.ListField(
        child=serializers.CharField(), source="acceptance_criteria", read_only=True
    )
    cardCodes = serializers.ListField(
        child=serializers.CharField(), source="card_codes", read_only=True
    )
    storyCount = serializers.IntegerField(source="story_count", read_only=True)
    storiesOutdated = serializers.BooleanField(source="stories_outdated", read_only=True)

    class Meta:
        model = Epic
        fields = (
            "id",
            "projectId",
            "code",
            "title",
            "theme",
            "description",
            "businessValue",
            "acceptanceCriteria",
            "dependencies",
            "effort",
            "impact",
            "priority",
            "cardCodes",
            "storyCount",
            "storiesOutdated",
            "version",
        )
        read_only_fields = fields


class EpicInput(StrictSerializer):
    code = CodeField(
        max_length=bounds.CODE_CHARS, required=False, help_text="Default: the next free one."
    )
    title = _title()
    theme = _line()
    description = _text()
    businessValue = _text(source="business_value")
    acceptanceCriteria = _criteria()
    dependencies = _texts(
        _code(), help_text="Codes of epics of the same project that come first; never a cycle."
    )
    effort = _line(bounds.CODE_CHARS)
    impact = _line(bounds.CODE_CHARS)
    priority = WholeNumber(
        min_value=0,
        max_value=bounds.MAX_PRIORITY,
        required=False,
        allow_null=True,
        help_text="1 comes first; null comes last.",
    )
    cardCodes = ListOf(
        child=_code(),
        max_length=bounds.MAX_CARDS,
        required=False,
        source="card_codes",
        help_text="All cards of the epic, in their order.",
    )

    answered = EpicOutput.Meta.fields


class EpicPatch(VersionInput, EpicInput):
    pass


# Stories --------------------------------------------------------------------------------------


class QualityOutput(serializers.Serializer[Story]):
    score = serializers.IntegerField(source="quality_score", allow_null=True)
    defects = serializers.ListField(child=serializers.DictField())


class StoryOutput(serializers.ModelSerializer[Story]):
    epicId = serializers.UUIDField(source="epic_id", read_only=True)
    userStory = serializers.CharField(source="user_story", read_only=True)
    acceptanceCriteria = serializers.ListField(
        child=serializers.CharField(), source="acceptance_criteria", read_only=True
    )
    technicalNotes = serializers.CharField(
        source="technical_notes", read_only=True, allow_null=True
    )
    quality = QualityOutput(source="*", read_only=True)
    runId = serializers.UUIDField(source="run_id", read_only=True, allow_null=True)
    createdAt = serializers.DateTimeField(source="created_at", read_only=True)
    editedAt = serializers.DateTimeField(source="edited_at", read_only=True, allow_null=True)

    class Meta:
        model = Story
        fields = (
            "id",
            "epicId",
            "code",
            "title",
            "userStory",
            "persona",
            "acceptanceCriteria",
            "technicalNotes",
            "priority",
            "effort",
            "quality",
            "runId",
            "createdAt",
            "editedAt",
            "version",
        )
        read_only_fields = fields


class StoryPatch(VersionInput):
    title = _title()
    userStory = TextField(max_length=bounds.TEXT_CHARS, lines=True, source="user_story")
    persona = _line()
    acceptanceCriteria = _criteria()
    technicalNotes = _text(source="technical_notes", allow_null=True)
    priority = serializers.ChoiceField(["high", "medium", "low", ""], required=False)
    effort = serializers.ChoiceField(["S", "M", "L", ""], required=False)

    answered = StoryOutput.Meta.fields


class ImportCounts(serializers.Serializer[Any]):
    projectId = serializers.UUIDField()
    cardCount = serializers.IntegerField()
    epicCount = serializers.IntegerField()


class ImportOutput(ImportCounts):
    """What an import answers; without warnings where there are none."""

    warnings = serializers.ListField(
        child=serializers.CharField(),
        required=False,
        help_text="Where there are any: codes that readers could take for each other.",
    )


# Filters --------------------------------------------------------------------------------------


def _order(columns: Mapping[str, str], default: str) -> serializers.ChoiceField:
    return serializers.ChoiceField(
        order_choices(columns), default=default, help_text="With `-`: the other way round."
    )


class SearchQuery(QuerySerializer):
    q = _line(help_text="Part of the text, in any case; quick from three characters on.")


#: What lists can be ordered by: {name in the JSON: column}.
PROJECT_ORDERS = {"createdAt": "created_at", "name": "name"}
PART_ORDERS = {"order": "order", "code": "code", "title": "title"}
STORY_ORDERS = {"createdAt": "created_at"}


class ProjectsQuery(SearchQuery):
    order = _order(PROJECT_ORDERS, "-createdAt")


class PartsQuery(SearchQuery):
    order = _order(PART_ORDERS, "order")


class StoriesQuery(SearchQuery):
    epic = _line(bounds.CODE_CHARS, help_text="An id or a code.")
    persona = _line(help_text="In any case.")
    order = _order(STORY_ORDERS, "createdAt")


class ExportQuery(QuerySerializer):
    format = serializers.ChoiceField(["json", "csv", "markdown", "jira"], default="json")
    bom = Flag(
        allow_null=True,
        default=None,
        help_text=(
            "Begin with a byte order mark, by which Excel knows UTF-8: yes for `csv` and `jira`, "
            "unless `false`; never for `json`."
        ),
    )
