"""What a start chooses of its kind: `options` as the kind's own class has them, and those that
stand beside them."""

import json
from collections.abc import Mapping
from typing import Any

from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from pydantic import ValidationError
from pydantic.alias_generators import to_camel
from rest_framework import serializers

from batchgen.api.inputs import whole
from batchgen.api.openapi import document_schema
from batchgen.errors import MAX_PROBLEMS
from content.kind import BESIDE, Options
from content.registry import Kind, kind_started_by, run_types

_RAISED = "Value error, "
#: What options mean that several kinds have.
_TOLD = {
    "keepEdited": "What a person edited is not replaced; what is new takes other codes.",
    "keepApproved": "What a person approved is not replaced; what is new takes other codes.",
    "skipQualityCheck": "What is made is neither judged nor repaired.",
}


class OptionsField(serializers.DictField):
    """An object whose keys the run's type says; `options_chosen` reads it."""


def options_chosen(
    kind: Kind, run_type: str, given: Mapping[str, Any], beside: Mapping[str, Any]
) -> dict[str, Any]:
    """What is chosen for a run, by the fields of the kind's `Options`.

    Args:
        given: the body's `options`.
        beside: those of BESIDE that the body names.

    Raises:
        rest_framework.exceptions.ValidationError: with what is wrong, by the body's names.
    """
    fields = kind.options.model_fields
    problems: dict[str, Any] = {
        to_camel(name): [f"{run_type} has no such choice. Leave it out."]
        for name in beside
        if name not in fields
    }
    wrong = _unknown(kind.options, run_type, given)
    known = {key: whole(value) for key, value in given.items() if key not in wrong}
    body = {**known, **{to_camel(name): beside[name] for name in beside if name in fields}}
    chosen = None
    try:
        # As from JSON, where a number is no flag and a text no number.
        chosen = kind.options.model_validate_json(
            json.dumps(body), strict=True, by_alias=True, by_name=False
        )
    except ValidationError as error:
        wrong |= _problems(error)
    if wrong:
        problems["options"] = wrong
    if problems or chosen is None:
        raise serializers.ValidationError(problems)
    return chosen.model_dump()


def _unknown(options: type[Options], run_type: str, given: Mapping[str, Any]) -> dict[str, Any]:
    known = sorted(to_camel(name) for name in options.model_fields if name not in BESIDE)
    told = f"{run_type} has no such option; it has {', '.join(known)}."
    return {key[:100]: [told] for key in sorted(given.keys() - known)[:MAX_PROBLEMS]}


def _problems(error: ValidationError) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for problem in error.errors(include_url=False, include_context=False, include_input=False):
        key = str(problem["loc"][0]) if problem["loc"] else "options"
        found.setdefault(key, []).append(problem["msg"].removeprefix(_RAISED))
    return found


class OptionsSchema(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]  # the library's
    """How the document shows `options`: each type's, as the kinds have them."""

    target_class = OptionsField

    def map_serializer_field(self, auto_schema: Any, direction: Any) -> dict[str, Any]:
        types: dict[type[Options], list[str]] = {}
        for run_type in run_types():
            types.setdefault(kind_started_by(run_type).options, []).append(run_type)
        shapes = [_shape(auto_schema, options, names) for options, names in types.items()]
        return {"anyOf": shapes, "type": "object"}


def _shape(auto_schema: Any, options: type[Options], types: list[str]) -> Any:
    schema = document_schema(auto_schema, options, without=[to_camel(name) for name in BESIDE])
    for name, told in _TOLD.items():
        if name in schema["properties"]:
            schema["properties"][name].setdefault("description", told)
    schema["description"] = f"Of {', '.join(types)}."
    return auto_schema._component(options.__name__, "schemas", schema)
