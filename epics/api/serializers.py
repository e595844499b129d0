"""The backlog's JSON: what is shown of projects, cards, epics and stories, and what may be sent."""
# ruff: noqa: N815 - a field's name is its key in the JSON

from typing import Any

from rest_framework import serializers

from batchgen.api.inputs import ListOf, StrictSerializer, WholeNumber
from batchgen.api.output import UsdOutput
from epics import bounds
from epics.api.fields import (
    BrandVoiceInput,
    CodeField,
    LanguageField,
    TextField,
    code_field,
    criteria_field,
    line_field,
    monthly_budget_field,
    review_status_field,
    text_field,
    texts_field,
    title_field,
)
from epics.api.versions import VersionInput
from epics.models import Card, Epic, Project, Story

# Projects -------------------------------------------------------------------------------------


class BrandVoiceOutput(serializers.Serializer[Any]):
    tone = serializers.CharField()
    do = serializers.ListField(child=serializers.CharField())
    dont = serializers.ListField(child=serializers.CharField())
    bannedWords = serializers.ListField(child=serializers.CharField())
    sample = serializers.CharField()


class ProjectOutput(serializers.ModelSerializer[Project]):
    epicCount = serializers.IntegerField(source="epic_count", read_only=True)
    cardCount = serializers.IntegerField(source="card_count", read_only=True)
    storyCount = serializers.IntegerField(source="story_count", read_only=True)
    activeRunId = serializers.UUIDField(source="active_run_id", read_only=True, allow_null=True)
    brandVoice = BrandVoiceOutput(source="brand_voice", read_only=True, allow_null=True)
    monthlyBudgetUsd = UsdOutput(source="monthly_budget_micro_usd", allow_null=True)
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
            *("brandVoice", "monthlyBudgetUsd"),
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
    code = line_field(bounds.CODE_CHARS)
    description = text_field()
    context = text_field(bounds.CONTEXT_CHARS)  # type: ignore[assignment]  # declared fields leave the class
    language = LanguageField(max_length=bounds.CODE_CHARS, required=False)
    brandVoice = BrandVoiceInput(
        source="brand_voice",
        required=False,
        allow_null=True,
        help_text="How the content of pages sounds; null: nobody has said so.",
    )
    monthlyBudgetUsd = monthly_budget_field()
    source = text_field()  # type: ignore[assignment]  # as above

    answered = ProjectOutput.Meta.fields


class ProjectPatch(VersionInput, ProjectInput):
    pass


# Cards ----------------------------------------------------------------------------------------


class CardOutput(serializers.ModelSerializer[Card]):
    projectId = serializers.UUIDField(source="project_id", read_only=True)
    uploadId = serializers.UUIDField(source="upload_id", read_only=True, allow_null=True)
    runId = serializers.UUIDField(source="run_id", read_only=True, allow_null=True)
    editedAt = serializers.DateTimeField(source="edited_at", read_only=True, allow_null=True)

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
            "themes",
            "quote",
            "uploadId",
            "runId",
            "editedAt",
            "version",
        )
        read_only_fields = fields


class CardInput(StrictSerializer):
    code = CodeField(
        max_length=bounds.CODE_CHARS, required=False, help_text="Default: the next free one."
    )
    title = title_field()
    persona = line_field()
    statement = text_field()
    problem = text_field(allow_null=True)
    systems = texts_field(TextField(max_length=bounds.NAME_CHARS))
    themes = texts_field(TextField(max_length=bounds.NAME_CHARS))
    quote = text_field(
        bounds.QUOTE_CHARS, help_text="The words that it rests on, of an upload or of somebody."
    )

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
    runId = serializers.UUIDField(source="run_id", read_only=True, allow_null=True)
    editedAt = serializers.DateTimeField(source="edited_at", read_only=True, allow_null=True)
    reviewStatus = review_status_field()
    reviewNote = serializers.CharField(source="review_note", read_only=True)

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
            "origin",
            "runId",
            "editedAt",
            "reviewStatus",
            "reviewNote",
            "version",
        )
        read_only_fields = fields


class EpicInput(StrictSerializer):
    code = CodeField(
        max_length=bounds.CODE_CHARS, required=False, help_text="Default: the next free one."
    )
    title = title_field()
    theme = line_field()
    description = text_field()
    businessValue = text_field(source="business_value")
    acceptanceCriteria = criteria_field()
    dependencies = texts_field(
        code_field(), help_text="Codes of epics of the same project that come first; never a cycle."
    )
    effort = line_field(bounds.CODE_CHARS)
    impact = line_field(bounds.CODE_CHARS)
    priority = WholeNumber(
        min_value=0,
        max_value=bounds.MAX_PRIORITY,
        required=False,
        allow_null=True,
        help_text="1 comes first; null comes last.",
    )
    cardCodes = ListOf(
        child=code_field(),
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
    reviewStatus = review_status_field()
    reviewNote = serializers.CharField(source="review_note", read_only=True)

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
            "reviewStatus",
            "reviewNote",
            "version",
        )
        read_only_fields = fields


class StoryPatch(VersionInput):
    title = title_field()
    userStory = TextField(max_length=bounds.TEXT_CHARS, lines=True, source="user_story")
    persona = line_field()
    acceptanceCriteria = criteria_field()
    technicalNotes = text_field(source="technical_notes", allow_null=True)
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
