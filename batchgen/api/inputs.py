"""Serializer fields for input, strict: no type coercion, and unknown keys are refused. So the
OpenAPI document can say exactly what is accepted."""

import re
from decimal import ROUND_DOWN, Decimal
from heapq import nsmallest
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.fields import empty

from batchgen.api.paging import PAGE_NAMES
from batchgen.errors import MAX_PROBLEMS
from batchgen.micro_usd import MOST_USD, USD_PATTERN, usd_read

#: Where details say how much they leave out.
AND_MORE = "andMore"
#: Keys of one object that are told to be wrong there.
_MOST_NAMED = 10
_READ_ONLY = "This field cannot be written."
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
_MOMENT = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII | re.IGNORECASE
)
#: Something that Python does not take for white space.
_FILLED = r"[^\s\u001c-\u001f\u0085]"
_NUMBER = re.compile(r"-?\d{1,15}", re.ASCII)
_FLAGS = {"true": True, "false": False}


def is_moment(data: object) -> bool:
    """Whether it has the form of a time with its zone, as RFC 3339 writes them."""
    return isinstance(data, str) and _MOMENT.fullmatch(data) is not None


def whole(data: Any) -> Any:
    """1 for 1.0, which in JSON is the same number."""
    return int(data) if type(data) is float and data.is_integer() else data


class PlainText(serializers.CharField):
    """A JSON string; REST framework's own field would take a number for one."""

    #: What the OpenAPI document says beside the lengths.
    pattern: str | None = None

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if self.trim_whitespace and not self.allow_blank:
            self.pattern = _FILLED

    def run_validation(self, data: Any = empty) -> Any:
        if isinstance(data, str):
            self.check(data)
        return super().run_validation(data)

    def check(self, text: str) -> None:
        """Refuse it as it came: also where it would do once white space is off its ends."""
        if self.max_length is not None and len(text) > self.max_length:
            self.fail("max_length", max_length=self.max_length)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class WholeNumber(serializers.IntegerField):
    """A JSON number without a fraction."""

    def to_internal_value(self, data: Any) -> int:
        number = whole(data)
        if type(number) is not int:
            self.fail("invalid")
        return super().to_internal_value(number)

    def parse(self, text: str) -> int | str:
        """From a query."""
        return int(text) if _NUMBER.fullmatch(text) else text


class Flag(serializers.BooleanField):
    """true or false."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data

    def parse(self, text: str) -> bool | str:
        """From a query."""
        return _FLAGS.get(text, text)


class ListOf(serializers.ListField):
    """A JSON list of at most `max_length` entries, which are counted before any is looked at; what
    is wrong with more than MAX_PROBLEMS of them is not told."""

    default_error_messages: ClassVar = {"min_length": "Give {min_length} or more."}

    def __init__(
        self, *, child: serializers.Field[Any, Any, Any, Any], max_length: int, **kwargs: Any
    ) -> None:
        super().__init__(child=child, max_length=max_length, **kwargs)

    def run_child_validation(self, data: Any) -> list[Any]:
        if self.max_length is not None and len(data) > self.max_length:
            raise serializers.ValidationError(
                f"This has {len(data):,} entries; at most {self.max_length:,} are allowed."
            )
        return self._entries(data)

    def _entries(self, data: Any) -> list[Any]:
        valid: list[Any] = []
        problems: dict[int, Any] = {}
        for place, entry in enumerate(data):
            try:
                valid.append(self.child.run_validation(entry))
            except serializers.ValidationError as error:
                problems[place] = error.detail
                if len(problems) > MAX_PROBLEMS:
                    break
        if problems:
            raise serializers.ValidationError(problems)  # type: ignore[arg-type]  # places, as of any list
        return valid


class Id(serializers.UUIDField):
    """A UUID in its one usual form."""

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str) or not _UUID.fullmatch(data):
            self.fail("invalid", value=data)
        return super().to_internal_value(data)


class Moment(serializers.DateTimeField):
    """A time with its zone."""

    def to_internal_value(self, value: Any) -> Any:
        if not is_moment(value):
            self.fail("invalid", format="YYYY-MM-DDThh:mm:ssZ")
        return super().to_internal_value(value)


@extend_schema_field(
    {
        "anyOf": [
            {"type": "string", "pattern": f"^{USD_PATTERN}$"},
            {"type": "number", "minimum": 0, "maximum": MOST_USD},
        ]
    }
)
class Usd(serializers.Field[int, Any, str, Any]):
    """Dollars, as a decimal string or a number, of which a part of a micro-dollar is dropped;
    becomes whole micro-dollars."""

    default_error_messages: ClassVar = {
        "invalid": "Give dollars like 12.50: up to 10000000, with at most six decimal places.",
        "least": "Give more than 0 dollars.",
    }

    def __init__(self, *, positive: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._positive = positive

    def to_internal_value(self, data: Any) -> int:
        if type(data) in (int, float):
            data = (
                f"{Decimal(str(data)).quantize(Decimal('1.000000'), ROUND_DOWN):f}"
                if (0 <= data <= MOST_USD)
                else ""
            )
        amount = usd_read(data) if isinstance(data, str) else None
        if amount is None:
            self.fail("invalid")
        if self._positive and not amount:
            self.fail("least")
        return amount


class StrictSerializer(serializers.Serializer[Any]):
    """Input whose other keys are refused by name, so that what would change nothing is seen."""

    #: Keys of the answers: where they are no fields here too, they cannot be written.
    answered: tuple[str, ...] = ()
    #: What is said of a key that is neither.
    unknown = "There is no such field here."
    #: Keywords of its schema that do not follow from its fields.
    keywords: ClassVar[dict[str, Any]] = {}

    def get_fields(self) -> dict[str, Any]:
        fields = super().get_fields()
        for field in fields.values():
            if isinstance(field, serializers.ChoiceField):
                known = ", ".join(map(str, field.choices))
                field.error_messages["invalid_choice"] = f'"{{input}}" is none of {known}.'
        return fields

    def to_internal_value(self, data: Any) -> Any:
        others = data.keys() - self.fields.keys() if type(data) is dict else set()
        if others:
            raise serializers.ValidationError(self._told(others))
        return super().to_internal_value(data)

    def _told(self, others: set[str]) -> dict[str, list[str]]:
        """What is said of keys that are not for this body: of the first few by name."""
        named = nsmallest(_MOST_NAMED, others)
        told = {
            str(key)[:100]: [_READ_ONLY if key in self.answered else self.unknown] for key in named
        }
        if more := len(others) - len(named):
            told[AND_MORE] = [f"So are {more:,} other keys."]
        return told


class NothingInput(StrictSerializer):
    """A body without fields; it may be left out."""


class QuerySerializer(StrictSerializer):
    """The parameters of a read; those of pages may always stand beside them."""

    unknown = "There is no such parameter here."

    def to_internal_value(self, data: Any) -> Any:
        others = PAGE_NAMES - set(self.fields)
        return super().to_internal_value(
            {key: self._parsed(key, text) for key, text in data.items() if key not in others}
        )

    def _parsed(self, key: str, text: str) -> Any:
        field = self.fields.get(key)
        return field.parse(text) if isinstance(field, WholeNumber | Flag) else text
