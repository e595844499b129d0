"""The JSON of linted stories and of duplicates."""
# ruff: noqa: N815 - a field's name is its key in the JSON

from typing import Any

from rest_framework import serializers

from batchgen.api.inputs import Flag, ListOf, QuerySerializer, StrictSerializer
from epics import bounds
from epics.api.fields import LanguageField, TextField
from epics.files.story_lint import (
    COMPARED_CHARS,
    LINTED_CHARS,
    MAX_COMPARED,
    MAX_GROUPS,
    MAX_LINTED,
)


class DefectOutput(serializers.Serializer[Any]):
    criterion = serializers.CharField()
    kind = serializers.CharField()
    severity = serializers.ChoiceField(["high", "medium", "minor"])
    confidence = serializers.CharField(help_text="How sure the finding is: high, medium or low.")
    message = serializers.CharField(help_text="What is wrong.")
    suggestion = serializers.CharField(help_text="What to do.")
    field = serializers.CharField(
        allow_null=True, help_text="userStory, title, persona or acceptanceCriteria[N]."
    )
    start = serializers.IntegerField(allow_null=True, help_text="First character of the field.")
    end = serializers.IntegerField(allow_null=True, help_text="Behind the last character.")
    text = serializers.CharField(allow_null=True, help_text="What reads there.")


class LintStoryInput(StrictSerializer):
    userStory = TextField(max_length=bounds.TEXT_CHARS, lines=True, source="user_story")
    title = TextField(max_length=bounds.TITLE_CHARS, required=False, allow_blank=True)
    persona = TextField(max_length=bounds.NAME_CHARS, required=False, allow_blank=True)
    acceptanceCriteria = ListOf(
        child=TextField(max_length=bounds.CRITERION_CHARS, lines=True),
        max_length=bounds.LIST_ENTRIES,
        required=False,
        source="acceptance_criteria",
    )


class LintInput(StrictSerializer):
    stories = ListOf(child=LintStoryInput(), min_length=1, max_length=MAX_LINTED)
    language = LanguageField(
        max_length=bounds.CODE_CHARS,
        default="English",
        help_text="Of the stories; wording is checked in English only.",
    )
    wholeProduct = Flag(
        default=False,
        source="whole_product",
        help_text="These are all stories of the product, so a missing step is a defect.",
    )


class LintQualityOutput(serializers.Serializer[Any]):
    score = serializers.IntegerField(help_text="0 to 100.")
    defects = DefectOutput(many=True, help_text="The worst first.")


class LintedStoryOutput(serializers.Serializer[Any]):
    number = serializers.IntegerField(help_text="From 1, as messages name it.")
    userStory = serializers.CharField(help_text="On one line, as the spans count.")
    quality = LintQualityOutput()


class SeveritiesOutput(serializers.Serializer[Any]):
    high = serializers.IntegerField()
    medium = serializers.IntegerField()
    minor = serializers.IntegerField()


class LintOutput(serializers.Serializer[Any]):
    storyCount = serializers.IntegerField(help_text="Of those that were linted.")
    truncated = serializers.BooleanField(
        help_text=(
            f"The stories behind the first {LINTED_CHARS:,} characters were not linted, or so many "
            "are so much alike that not all were compared. Send fewer at a time."
        )
    )
    score = serializers.IntegerField(help_text="The mean.")
    bar = serializers.IntegerField(help_text="What a run's story set must score.")
    passes = serializers.BooleanField(
        help_text="At the bar, and no defect of high severity and high confidence."
    )
    severities = SeveritiesOutput()
    stories = LintedStoryOutput(many=True)


class DuplicatesQuery(QuerySerializer):
    epics = serializers.ChoiceField(
        ["different", "any"],
        default="different",
        help_text="different: only groups with stories of more than one epic.",
    )


class DuplicateStoryOutput(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    code = serializers.CharField()
    epicId = serializers.UUIDField()
    epicCode = serializers.CharField()
    title = serializers.CharField()
    userStory = serializers.CharField()


class DuplicateGroupOutput(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(
        ["repeated", "alike"], help_text="repeated: the wants are equal but for case and signs."
    )
    similarity = serializers.IntegerField(help_text="Of the least similar two, 0 to 100.")
    stories = DuplicateStoryOutput(many=True)


class DuplicatesOutput(serializers.Serializer[Any]):
    storyCount = serializers.IntegerField(help_text="Of those that were compared.")
    truncated = serializers.BooleanField(
        help_text=(
            f"There are more than {MAX_COMPARED:,} stories or {COMPARED_CHARS:,} characters, or so "
            "many are so much alike that not all were compared: there may be more groups."
        )
    )
    groupCount = serializers.IntegerField()
    groups = DuplicateGroupOutput(many=True, help_text=f"The first {MAX_GROUPS}.")
