"""Which JSON schemas are accepted for structured output."""

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from simulator.protocol.errors import ApiError
from simulator.writing.instances import minimal_instance

_UNSUPPORTED = frozenset(
    (
        *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
        *("minLength", "maxLength", "maxItems", "uniqueItems", "minProperties", "maxProperties"),
    )
)
_WHERE = "output_config.format"
_KINDS: dict[str, type | tuple[type, ...]] = {
    "type": (str, list),
    "enum": list,
    "required": list,
    "properties": dict,
    "$defs": dict,
    "definitions": dict,
    "anyOf": list,
    "oneOf": list,
    "allOf": list,
    "$ref": str,
}
_TYPES = frozenset(("string", "integer", "number", "boolean", "null", "array", "object"))
_OPTIONAL_MAX = 24
_UNIONS_MAX = 16
_CHECKED_KEPT = 1024


@lru_cache(maxsize=_CHECKED_KEPT)
def check_schema(format_key: str) -> None:
    """Refuse what structured output cannot do; one that passed is not checked again.

    Args:
        format_key: the output format as JSON.

    Raises:
        ApiError: 400 that names the keyword and where it stands.
    """
    schema = json.loads(format_key)["schema"]
    try:
        _check(schema)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise ApiError(400, f"{_WHERE}.schema: not a valid JSON schema ({error!r})") from None


def _check(schema: Mapping[str, Any]) -> None:
    optional = unions = 0
    nodes = list(_nodes(schema, f"{_WHERE}.schema"))
    _check_recursion(schema)
    for path, node in nodes:
        _check_node(path, node)
        minimal_instance(node, schema)  # finds references that lead nowhere
        unions += "anyOf" in node or isinstance(node.get("type"), list)
        optional += len(set(node.get("properties", ())) - set(node.get("required", ())))
    if optional > _OPTIONAL_MAX or unions > _UNIONS_MAX:
        raise ApiError(400, f"{_WHERE}.schema: Schema is too complex")


def _check_node(where: str, node: Mapping[str, Any]) -> None:
    is_object = node.get("type") == "object" or "properties" in node
    if is_object and node.get("additionalProperties") is not False:
        raise ApiError(
            400,
            f"{where}: For 'object' type, 'additionalProperties' must be explicitly set to false",
        )
    kinds = node.get("type", [])
    if not _TYPES.issuperset([kinds] if isinstance(kinds, str) else kinds):
        raise ApiError(400, f"{where}.type: Input should be one of {', '.join(sorted(_TYPES))}")
    if unsupported := sorted(_UNSUPPORTED.intersection(node)):
        kind = node.get("type", "any")
        raise ApiError(
            400, f"{where}: For '{kind}' type, {', '.join(unsupported)} is not supported"
        )
    if node.get("minItems", 0) not in (0, 1):
        raise ApiError(400, f"{where}: For 'array' type, 'minItems' values other than 0 or 1")


def _nodes(schema: Any, path: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if not isinstance(schema, dict) or any(
        name in schema and not isinstance(schema[name], kind) for name, kind in _KINDS.items()
    ):
        raise ApiError(400, f"{path}: not a valid JSON schema")
    yield path, schema
    for group in ("properties", "$defs", "definitions"):
        for name, child in schema.get(group, {}).items():
            yield from _nodes(child, f"{path}.{group}.{name}")
    for group in ("anyOf", "allOf", "oneOf"):
        for at, child in enumerate(schema.get(group, [])):
            yield from _nodes(child, f"{path}.{group}.{at}")
    if "items" in schema:
        yield from _nodes(schema["items"], f"{path}.items")


def _check_recursion(schema: Mapping[str, Any]) -> None:
    definitions = {"#": schema, **schema.get("definitions", {}), **schema.get("$defs", {})}
    uses = {
        name: {_name(node["$ref"]) for _, node in _nodes(child, "") if "$ref" in node}
        for name, child in definitions.items()
    }
    for name, direct in uses.items():
        reached: set[str] = set()
        ahead = set(direct)
        while ahead:
            step = ahead.pop()
            reached.add(step)
            ahead |= uses.get(step, set()) - reached
        if name in reached:
            raise ApiError(400, f"{_WHERE}.schema: Recursive schemas are not supported")


def _name(reference: str) -> str:
    return reference.rsplit("/", 1)[-1]
