"""Fields of an answer's objects, by whatever name and in whatever form a model writes them; pure.

What has one meaning is read as that; what has two, or none, is for the schema to refuse.
"""

from collections.abc import Mapping
from functools import cache
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict
from pydantic.alias_generators import to_camel

from providers.cleaning import storable
from quality.text import has_words


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
    for key, value in given.items():
        name = named.get(plain_key(key))
        if name is None:
            continue
        if name in fields and fields[name] != value:
            raise ValueError(f"{name} stands here twice, with two values")
        fields[name] = value
    for key, value in given.items():
        name = others.get(plain_key(key))
        if name is not None:
            fields.setdefault(name, value)
    return fields


@cache
def _by_plain_key(names: tuple[str, ...]) -> dict[str, str]:
    return {plain_key(name): name for name in names}


def schema_object(properties: dict[str, object]) -> dict[str, object]:
    """An object of the provider's JSON Schema with exactly these properties."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
