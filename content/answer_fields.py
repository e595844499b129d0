"""Fields of an answer's objects, by whatever name and in whatever form a model writes them; pure.

What has one meaning is read as that; what has two, or none, is for the schema to refuse.
"""

from collections.abc import Mapping
from functools import cache
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict
from pydantic.alias_generators import to_camel

from providers.cleaning import integer, storable
from quality.text import has_words

#: No answer has more things than that.
_MOST_COUNTED = 10_000


def _readable(text: str) -> str:
    if not has_words(text):
        raise ValueError("must hold readable text")
    return text


def _storable(value: object) -> object:
    return storable(value) if isinstance(value, str) else value


#: What may be stored.
Text = Annotated[str, BeforeValidator(_storable)]
#: That, with something in it.
Readable = Annotated[Text, AfterValidator(_readable)]


class Answer(BaseModel):
    """A part of an answer; names are camelCase on the wire."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, validate_by_name=True)


def plain_key(key: str) -> str:
    """A key without case, spaces, - and _."""
    return key.casefold().replace("_", "").replace("-", "").replace(" ", "")


def named_fields(
    given: Mapping[str, object], names: tuple[str, ...], others: Mapping[str, str]
) -> dict[str, object]:
    """An object's fields under their own names; what is none is left out.

    Args:
        names: of the fields; each is known in any case and with _, - or spaces.
        others: further names, as `plain_key` writes them, of fields that have none of their own.

    Raises:
        ValueError: a field is there twice, and they differ.
    """
    named = _by_plain_key(names)
    fields: dict[str, object] = {}
    unnamed: list[tuple[str, object]] = []
    for key, value in given.items():
        name = named.get(key)
        if name is None:
            plain = plain_key(key)
            name = named.get(plain)
            if name is None:
                unnamed.append((plain, value))
                continue
        if name in fields and fields[name] != value:
            raise ValueError(f"{name} stands here twice, with two values")
        fields[name] = value
    for plain, value in unnamed:
        name = others.get(plain)
        if name is not None:
            fields.setdefault(name, value)
    return fields


@cache
def _by_plain_key(names: tuple[str, ...]) -> dict[str, str]:
    """The names by how they are written plainly, and by themselves, as most are."""
    return {plain_key(name): name for name in names} | {name: name for name in names}


def number_or_none(value: object) -> object:
    """A number from 0 that counts something, also as a text; None for anything else."""
    if isinstance(value, str) and value.strip("# ").isdecimal():
        value = integer(value.strip("# "))
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value <= _MOST_COUNTED else None


def schema_object(
    properties: dict[str, object], optional: dict[str, object] | None = None
) -> dict[str, object]:
    """An object of the provider's JSON Schema with these properties, and no others than these
    optional ones, which come last in an answer."""
    return {
        "type": "object",
        "properties": {**properties, **(optional or {})},
        "required": list(properties),
        "additionalProperties": False,
    }


def schema_field(name: str, description: str, **schema: object) -> dict[str, object]:
    """A property of the provider's JSON Schema, a text where nothing else is said.

    Args:
        name: in full, where the key is short: keys are paid for in each answer, and this is input
            that the provider caches.
    """
    return {"title": name, "description": description, **(schema or {"type": "string"})}
