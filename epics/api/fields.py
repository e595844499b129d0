"""Fields of the backlog's JSON, with the limits that an import has too."""
# ruff: noqa: N815 - a field's name is its key in the JSON

import unicodedata
from decimal import Decimal
from typing import Any

from rest_framework import serializers
from rest_framework.fields import empty

from batchgen.api.inputs import ListOf, PlainText, StrictSerializer, Usd
from epics import bounds
from epics.languages import REFUSAL, is_language
from epics.models import ReviewStatus


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


class BrandVoiceInput(StrictSerializer):
    """How texts sound; what is left out is empty."""

    tone = TextField(max_length=bounds.TONE_CHARS, lines=True, allow_blank=True, default="")
    do = ListOf(
        child=TextField(max_length=bounds.RULE_CHARS), max_length=bounds.VOICE_RULES, default=list
    )
    dont = ListOf(
        child=TextField(max_length=bounds.RULE_CHARS), max_length=bounds.VOICE_RULES, default=list
    )
    bannedWords = ListOf(
        child=TextField(max_length=bounds.BANNED_WORD_CHARS),
        max_length=bounds.BANNED_WORDS,
        default=list,
        help_text="Words and phrases that no text has.",
    )
    sample = TextField(
        max_length=bounds.SAMPLE_CHARS,
        lines=True,
        allow_blank=True,
        default="",
        help_text="A text that sounds as it should.",
    )


class HoursField(serializers.FloatField):
    """A JSON number of hours with one decimal at most."""

    default_error_messages = {"decimals": "Give hours with one decimal at most."}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_value=0.1, max_value=bounds.MAX_EFFORT_HOURS, **kwargs)

    def to_internal_value(self, data: Any) -> float:
        if type(data) not in {int, float}:
            self.fail("invalid")
        number = super().to_internal_value(data)
        if abs(number) <= bounds.MAX_EFFORT_HOURS and number != round(number, 1):
            self.fail("decimals")
        return number

    def run_validation(self, data: Any = empty) -> Decimal:
        return Decimal(str(super().run_validation(data)))


def code_field() -> CodeField:
    return CodeField(max_length=bounds.CODE_CHARS)


def title_field() -> TextField:
    return TextField(max_length=bounds.TITLE_CHARS)


def line_field(chars: int = bounds.NAME_CHARS, **kwargs: Any) -> TextField:
    return TextField(max_length=chars, required=False, allow_blank=True, **kwargs)


def text_field(chars: int = bounds.TEXT_CHARS, **kwargs: Any) -> TextField:
    return TextField(max_length=chars, required=False, allow_blank=True, lines=True, **kwargs)


def texts_field(child: TextField, **kwargs: Any) -> ListOf:
    return ListOf(child=child, max_length=bounds.LIST_ENTRIES, required=False, **kwargs)


def criteria_field() -> ListOf:
    child = TextField(max_length=bounds.CRITERION_CHARS, lines=True)
    return texts_field(child, source="acceptance_criteria")


def review_status_field() -> serializers.ChoiceField:
    """What an answer says of a review."""
    return serializers.ChoiceField(ReviewStatus.choices, source="review_status", read_only=True)


def monthly_budget_field() -> Usd:
    """What a project's runs may spend in a month."""
    return Usd(
        source="monthly_budget_micro_usd",
        required=False,
        allow_null=True,
        help_text=(
            "What the project's runs may spend together in a month (UTC); null: no limit. Only "
            "owners change it."
        ),
    )
