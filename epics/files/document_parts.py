"""Checking documents from outside: their parts, and what is told of all that is wrong in them."""

from collections.abc import Sequence
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails

from batchgen.api.strict_json import path_text
from batchgen.errors import MAX_PROBLEMS, ValidationFailed

#: A path into the document, and what is wrong there.
Problem = tuple[str, str]
#: Nobody wants to know how many more there are.
MOST_COUNTED = 1_000
#: Keys of one object that are named because they are not known.
_MOST_UNKNOWN = 10


class Part(BaseModel):
    """An object of a document: its fields in camelCase, no other, and no type for another."""

    model_config = ConfigDict(
        alias_generator=to_camel, extra="forbid", strict=True, frozen=True, populate_by_name=False
    )

    @model_validator(mode="before")
    @classmethod
    def _few_keys(cls, given: object) -> object:
        known = len(cls.model_fields)
        if isinstance(given, dict) and len(given) > known + _MOST_UNKNOWN:
            raise ValueError(f"This has {len(given):,} fields; at most {known} are known here.")
        return given


P = TypeVar("P", bound=Part)


def parts_valid(
    part: type[P], entries: Sequence[object], problems: list[Problem], *path: str | int
) -> list[P]:
    """The entries of a list, one after the other, so that it ends where there is enough to tell."""
    valid: list[P] = []
    for index, entry in enumerate(entries):
        if len(problems) >= MOST_COUNTED:
            break
        if found := part_valid(part, entry, problems, *path, index):
            valid.append(found)
    return valid


def part_valid(part: type[P], value: object, problems: list[Problem], *path: str | int) -> P | None:
    """The part, or None where it is wrong: then what is wrong is one of the problems."""
    try:
        return part.model_validate(value)
    except ValidationError as error:
        found = error.errors(include_url=False)
        problems += [(path_text((*path, *each["loc"])), _told(each)) for each in found]
        return None


def refusal(what: str, problems: Sequence[Problem]) -> ValidationFailed:
    """What is told of a document that was refused.

    Args:
        what: "The backlog was not imported."
    """
    problems = problems[:MOST_COUNTED]
    count = len(problems)
    details: dict[str, list[str]] = {}
    for path, message in problems[:MAX_PROBLEMS]:
        details.setdefault(path[:200] or "document", []).append(message)
    told = "one problem" if count == 1 else f"{count} problems"
    if count == MOST_COUNTED:
        told = f"{count:,} problems or more"
    more = f"; the first {MAX_PROBLEMS} are listed" if count > MAX_PROBLEMS else ""
    return ValidationFailed(f"{what} It has {told}{more}.", **details)


_SENTENCES = {
    "missing": "This is missing.",
    "extra_forbidden": "There is no such field here.",
    "string_type": "This must be text.",
    "int_type": "This must be a whole number.",
    "bool_type": "This must be true or false.",
    "list_type": "This must be a list.",
    "dict_type": "This must be an object.",
    "model_type": "This must be an object.",
    "greater_than_equal": "The least is {ge}.",
    "less_than_equal": "The most is {le}.",
    "too_long": "This has {actual_length} entries; at most {max_length} are allowed.",
}


def _told(error: ErrorDetails) -> str:
    context = error.get("ctx", {})
    if error["type"] == "string_too_long":
        most = context["max_length"]
        return f"This has {len(error['input'])} characters; at most {most} are allowed."
    if error["type"] == "value_error":
        return str(context["error"])
    sentence = _SENTENCES.get(error["type"])
    return sentence.format(**context) if sentence else f"{error['msg']}."
