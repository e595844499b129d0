"""JSON Schema as prose: types for a table's cell, and a section for each named schema."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from handbook.references.markdown import cell, table

Schema = Mapping[str, Any]
_PAGE = "schemas.md"
#: The generator's list of an enumeration's values, which the type says already.
_VALUES = re.compile(r"\n*^\* `.*$", re.MULTILINE)
_NULLS = ("null", "NullEnum")
_BOUNDS = {
    "minimum": "at least {}",
    "maximum": "at most {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minItems": "at least {} entries",
    "maxItems": "at most {} entries",
}
_NOT_EMPTY = ("minLength", "minItems")


def said(text: str) -> str:
    """A description without what the type says."""
    return _VALUES.sub("", text).strip()


def linked(schema: Schema) -> str:
    """A link to the named schema that this is, or ""."""
    name = schema.get("$ref", "").rpartition("/")[2]
    return f"[{name}]({_PAGE}#{name.lower()})" if name else ""


def outline(schema: Schema) -> str:
    """The type in a few words, as Markdown for a table's cell."""
    return linked(schema) or _bounded(schema, " or ".join(_types(schema)) or "anything")


def schema_section(name: str, schema: Schema) -> str:
    """A heading, what it is, and its fields."""
    required = schema.get("required", ())
    rows = [
        (
            f"`{field}`" + (" (required)" if field in required else ""),
            outline(each),
            cell(" ".join([said(each.get("description", "")), *_default(each)])),
        )
        for field, each in schema.get("properties", {}).items()
    ]
    fields = table(("field", "type", "meaning"), rows) if rows else f"{outline(schema)}\n"
    parts = (f"\n## {name}\n", said(schema.get("description", "")) + "\n", fields, _example(schema))
    return "\n".join(part for part in parts if part.strip())


def _types(schema: Schema) -> Iterator[str]:
    """The alternatives, each once."""
    choices = [*schema.get("oneOf", ()), *schema.get("anyOf", ()), *schema.get("allOf", ())]
    if choices:
        yield from dict.fromkeys(_choice(each) for each in choices)
    elif "const" in schema:
        yield f"`{json.dumps(schema['const'])}`"
    elif "enum" in schema:
        yield from (f"`{each}`" for each in schema["enum"])
    else:
        kinds = schema.get("type", ())
        for kind in [kinds] if isinstance(kinds, str) else kinds:
            yield _kind(kind, schema)


def _choice(schema: Schema) -> str:
    return "null" if schema.get("$ref", "").endswith(_NULLS) else outline(schema)


def _kind(kind: str, schema: Schema) -> str:
    match kind:
        case "array":
            return f"list of {outline(schema.get('items', {}))}"
        case "object":
            names = ", ".join(f"`{name}`" for name in schema.get("properties", ()))
            return f"object: {names}" if names else "object"
        case "string" if "format" in schema:
            return f"string ({schema['format']})"
    return kind


def _bounded(schema: Schema, types: str) -> str:
    bounds = [_bound(name, schema[name]) for name in _BOUNDS if name in schema]
    return ", ".join([types, *bounds])


def _bound(name: str, value: object) -> str:
    if value == 1 and name in _NOT_EMPTY:
        return "not empty"
    return _BOUNDS[name].format(value)


def _default(schema: Schema) -> list[str]:
    return [f"Default: `{json.dumps(schema['default'])}`."] if "default" in schema else []


def _example(schema: Schema) -> str:
    examples = schema.get("examples")
    if not examples:
        return ""
    text = json.dumps(examples[0], ensure_ascii=False, indent=2)
    return f"```json\n{text}\n```\n"
