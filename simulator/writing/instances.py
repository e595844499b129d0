"""Smallest JSON values that fit a schema, and what was written bent to fit one."""

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
#: Left out where it may be.
_NOTHING: tuple[Any, ...] = (None, "", [])
_MISFIT: Any = object()
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
    """What one property takes, as far as what is written needs to know.

    Args:
        names: by which what belongs there is found: of its entries, its own, its key.
        types: the Python types of values it takes.
        values: the only values it takes, or None for any of its types.
        entry: what each entry of a list is.
        fields: of an object.
        default: the smallest value that fits.
        required: whether it may not be left out.
    """

    names: tuple[str, ...]
    types: frozenset[type]
    values: tuple[Any, ...] | None
    entry: "Property | None"
    fields: "Mapping[str, Property] | None"
    default: Any
    required: bool


def properties_of(schema: Schema, root: Schema) -> dict[str, Property]:
    """The properties of an object schema, worked out once for many values."""
    schema = _resolved(schema, root)
    required = schema.get("required", ())
    return {
        key: _property(child, root, key, required=key in required)
        for key, child in schema.get("properties", {}).items()
    }


def _property(schema: Schema, root: Schema, key: str, *, required: bool) -> Property:
    resolved = _resolved(schema, root)
    items = resolved.get("items")
    return Property(
        names=_names(key, resolved, root),
        types=_accepted_types(resolved, root),
        values=_accepted_values(resolved, root),
        entry=_property(items, root, key, required=True) if items else None,
        fields=properties_of(resolved, root) if "properties" in resolved else None,
        default=minimal_instance(schema, root),
        required=required,
    )


def _names(key: str, schema: Schema, root: Schema) -> tuple[str, ...]:
    """What a schema calls a property: a short key may have a name beside it, as its title."""
    titles = (_resolved(schema.get("items", {}), root).get("title"), schema.get("title"), key)
    return tuple(title for title in titles if isinstance(title, str))


def fitted(value: Mapping[str, Any], properties: Mapping[str, Property]) -> dict[str, Any]:
    """`value` with exactly these properties; what is missing or does not fit is made up, and what
    nobody needs is left out."""
    result = {}
    for key, child in properties.items():
        given = next((value[name] for name in child.names if name in value), _MISFIT)
        found = _fit(given, child)
        if found is not _MISFIT and (child.required or found not in _NOTHING):
            result[key] = found
        elif child.required:
            result[key] = child.default
    return result


def _fit(value: Any, wanted: Property) -> Any:
    """The value as it may stand there, or _MISFIT."""
    if type(value) not in wanted.types:
        return _MISFIT
    if wanted.values is not None and value not in wanted.values:
        return _MISFIT
    if wanted.fields is not None and isinstance(value, dict):
        return fitted(value, wanted.fields)
    if wanted.entry is not None and isinstance(value, list):
        entries = [_fit(one, wanted.entry) for one in value]
        return _MISFIT if any(one is _MISFIT for one in entries) else entries
    return value


def _accepted_types(schema: Schema, root: Schema) -> frozenset[type]:
    schema = _resolved(schema, root)
    alternatives = schema.get("anyOf") or schema.get("oneOf")
    if alternatives:
        return frozenset().union(*(_accepted_types(child, root) for child in alternatives))
    kinds = schema.get("type", list(_TYPES))
    named = {_TYPES[kind] for kind in ([kinds] if isinstance(kinds, str) else kinds)}
    return frozenset(named | {int}) if float in named else frozenset(named)


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
