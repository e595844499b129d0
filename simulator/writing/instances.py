"""Smallest JSON values that fit a schema, and stories bent to fit one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Schema = Mapping[str, Any]

_OF_FORMAT = {
    "date-time": "2026-01-01T00:00:00Z",
    "date": "2026-01-01",
    "time": "00:00:00Z",
    "duration": "P1D",
    "email": "someone@example.org",
    "hostname": "example.org",
    "uri": "https://example.org/",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uuid": "00000000-0000-4000-8000-000000000000",
}
_TYPES: dict[str, type] = {
    "string": str,
    "integer": int,
    "number": float,
    "boolean": bool,
    "null": type(None),
    "array": list,
    "object": dict,
}


def minimal_instance(schema: Schema, root: Schema) -> Any:
    """The smallest value that fits `schema`; references are looked up in `root`."""
    schema = _resolved(schema, root)
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][0]
    for group in ("anyOf", "oneOf"):
        if schema.get(group):
            return minimal_instance(_simplest(schema[group], root), root)
    kind = schema.get("type", "object" if "properties" in schema else "string")
    return _of_type(kind[0] if isinstance(kind, list) else kind, schema, root)


@dataclass(frozen=True, kw_only=True, slots=True)
class Property:
    """What one property takes, as far as a story's fields need to know.

    Args:
        types: the Python types of values it takes; lists hold texts.
        values: the only values it takes, or None for any of its types.
        default: the smallest value that fits.
        required: whether it may not be left out.
    """

    types: frozenset[type]
    values: tuple[Any, ...] | None
    default: Any
    required: bool

    def takes(self, value: Any) -> bool:
        """Whether a story's value can stand here as it is."""
        return type(value) in self.types and (self.values is None or value in self.values)


def properties_of(schema: Schema, root: Schema) -> dict[str, Property]:
    """The properties of an object schema, worked out once for many values."""
    schema = _resolved(schema, root)
    required = schema.get("required", ())
    return {
        name: Property(
            types=_accepted_types(child, root),
            values=_accepted_values(child, root),
            default=minimal_instance(child, root),
            required=name in required,
        )
        for name, child in schema.get("properties", {}).items()
    }


def fitted(value: Mapping[str, Any], properties: Mapping[str, Property]) -> dict[str, Any]:
    """`value` with exactly these properties; what is missing or does not fit is made up."""
    result = {}
    for name, child in properties.items():
        if name in value and child.takes(value[name]):
            result[name] = value[name]
        elif child.required:
            result[name] = child.default
    return result


def _accepted_types(schema: Schema, root: Schema) -> frozenset[type]:
    schema = _resolved(schema, root)
    alternatives = schema.get("anyOf") or schema.get("oneOf")
    if alternatives:
        return frozenset().union(*(_accepted_types(child, root) for child in alternatives))
    kinds = schema.get("type", list(_TYPES))
    types = {_TYPES[kind] for kind in ([kinds] if isinstance(kinds, str) else kinds)}
    if str not in (_accepted_types(schema["items"], root) if "items" in schema else {str}):
        types.discard(list)
    return frozenset(types)


def _accepted_values(schema: Schema, root: Schema) -> tuple[Any, ...] | None:
    schema = _resolved(schema, root)
    alternatives = schema.get("anyOf") or schema.get("oneOf")
    if alternatives:
        lists = [_accepted_values(child, root) for child in alternatives]
        if any(values is None for values in lists):
            return None
        return tuple(value for values in lists for value in values or ())
    if "const" in schema:
        return (schema["const"],)
    return tuple(schema["enum"]) if "enum" in schema else None


def _resolved(schema: Schema, root: Schema) -> Schema:
    while "$ref" in schema:
        found: Any = root
        for step in schema["$ref"].lstrip("#/").split("/"):
            found = found[step]
        schema = found
    if "allOf" in schema:
        parts = [_resolved(part, root) for part in schema["allOf"]]
        merged: dict[str, Any] = {key: value for part in parts for key, value in part.items()}
        merged["properties"] = {
            name: child for part in parts for name, child in part.get("properties", {}).items()
        }
        merged["required"] = [name for part in parts for name in part.get("required", ())]
        rest = {key: value for key, value in schema.items() if key != "allOf"}
        return {**merged, **rest} if merged["properties"] else {**parts[0], **rest}
    return schema


def _simplest(alternatives: Sequence[Schema], root: Schema) -> Schema:
    return next(
        (schema for schema in alternatives if _resolved(schema, root).get("type") != "null"),
        alternatives[0],
    )


def _of_type(kind: str, schema: Schema, root: Schema) -> Any:
    if kind == "object":
        required = schema.get("required", ())
        children = schema.get("properties", {})
        return {name: minimal_instance(children.get(name, {}), root) for name in required}
    if kind == "array":
        wanted = range(schema.get("minItems", 0))
        return [minimal_instance(schema.get("items", {}), root) for _ in wanted]
    if kind == "string":
        return _OF_FORMAT.get(schema.get("format", ""), "text")
    if kind in ("integer", "number"):
        return 0
    return False if kind == "boolean" else None
