"""The OpenAPI document: envelopes, pages, errors, and exact inputs."""

import json
from collections.abc import Collection
from functools import cache
from pathlib import Path
from typing import Any

from django.urls import get_script_prefix
from drf_spectacular.contrib.rest_framework_simplejwt import SimpleJWTScheme
from drf_spectacular.extensions import OpenApiSerializerExtension
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent
from drf_spectacular.renderers import (
    OpenApiJsonRenderer,
    OpenApiJsonRenderer2,
    OpenApiYamlRenderer,
    OpenApiYamlRenderer2,
)
from drf_spectacular.utils import Direction
from pydantic import BaseModel
from pydantic.json_schema import model_json_schema
from rest_framework.negotiation import DefaultContentNegotiation

from batchgen.api.inputs import PlainText, StrictSerializer
from batchgen.api.openapi_errors import ERRORS, FAILURE, by_status, response, response_name
from batchgen.api.openapi_plain import PLAIN

_ANYWHERE = ("UNAUTHORIZED", "THROTTLED", "INTERNAL_ERROR", "UNAVAILABLE")
_WITH_BODY = ("VALIDATION_ERROR", "REQUEST_TIMEOUT", "PAYLOAD_TOO_LARGE", "UNSUPPORTED_MEDIA_TYPE")
_REFS = "#/components/schemas/{model}"
_PAGE_SCHEMA = {
    "type": "object",
    "required": ["next", "previous"],
    "properties": {
        "next": {"type": ["string", "null"]},
        "previous": {"type": ["string", "null"]},
    },
}


class _TextYaml(OpenApiYamlRenderer):
    media_type = "text/yaml"


class _OldYaml(OpenApiYamlRenderer):
    media_type = "application/x-yaml"


#: The forms of the document; the first goes to whoever takes anything.
RENDERERS = [
    OpenApiJsonRenderer,
    OpenApiJsonRenderer2,
    OpenApiYamlRenderer,
    OpenApiYamlRenderer2,
    _TextYaml,
    _OldYaml,
]


class OnceGenerator(SchemaGenerator):
    """Makes the document once in a process: it takes a second, and anybody may ask for it."""

    def get_schema(self, request: Any = None, public: bool = False) -> Any:
        schema, root = _schema_of(self.urlconf, self.api_version), get_script_prefix()
        return schema if root == "/" else {**schema, "servers": [{"url": root.rstrip("/")}]}


@cache
def _schema_of(urlconf: str | None, api_version: str | None) -> Any:
    generator: Any = SchemaGenerator
    return generator(urlconf=urlconf, api_version=api_version).get_schema(public=True)


def complete(result: Any, **kwargs: Any) -> Any:
    """A POSTPROCESSING_HOOK: adds the operations that are no REST framework views, and to the
    components their examples."""
    result["paths"] |= PLAIN
    path = Path(__file__).with_name("openapi_examples.json")
    for name, example in json.loads(path.read_text()).items():
        result["components"]["schemas"][name]["examples"] = [example]
    return result


class EnvelopeSchema(AutoSchema):
    """Wraps every JSON answer in the envelope and adds the errors that it may have."""

    def get_operation(self, *args: Any, **kwargs: Any) -> Any:
        operation = super().get_operation(*args, **kwargs)
        if operation is not None:
            operation.pop(ERRORS, None)
        return operation

    def _get_request_body(self, direction: Direction = "request") -> Any:
        body = super()._get_request_body(direction)  # type: ignore[no-untyped-call]  # the library's
        if body and len(body["content"]) > 1:
            # Without a body there is no type of one to tell them apart by.
            body["required"] = True
        return body

    def _get_response_bodies(self, direction: Direction = "response") -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        extensions = self.get_extensions()
        raw, paged = "x-no-envelope" in extensions, "x-page" in extensions
        for body in bodies.values():
            if not raw and "application/json" in body.get("content", {}):
                content = body["content"]["application/json"]
                content["schema"] = _enveloped(content["schema"], paged=paged)
        return {**bodies, **self._errors(self.get_extensions().get(ERRORS, ()))}

    def _errors(self, declared: Any) -> dict[str, Any]:
        failure = self._component("Failure", ResolvedComponent.SCHEMA, FAILURE)
        return {
            str(status): self._component(
                response_name(codes), ResolvedComponent.RESPONSE, response(codes, failure)
            )
            for status, codes in by_status({*declared, *self._errors_by_shape()}).items()
        }

    def _errors_by_shape(self) -> set[str]:
        found = set(_ANYWHERE)
        if issubclass(self.view.content_negotiation_class, DefaultContentNegotiation):
            found.add("NOT_ACCEPTABLE")
        if "{" in self.path:
            found.add("NOT_FOUND")
        if self.method in {"POST", "PATCH"}:
            found.update(_WITH_BODY)
        if self.get_override_parameters():
            found.add("VALIDATION_ERROR")
        if self.view.authentication_classes:
            # The scope of a token, the role, or a session's CSRF token.
            found.add("FORBIDDEN")
        return found

    def _component(self, name: str, kind: Any, schema: Any) -> Any:
        component = ResolvedComponent(  # type: ignore[no-untyped-call]  # the library's
            name=name, type=kind, schema=schema, object=name
        )
        self.registry.register_on_missing(component)
        return component.ref

    def _insert_field_validators(self, field: Any, schema: Any) -> None:
        known: Any = super()
        known._insert_field_validators(field, schema)
        if isinstance(field, PlainText) and field.pattern:
            schema["pattern"] = field.pattern

    def _map_basic_serializer(self, serializer: Any, direction: Direction) -> Any:
        known: Any = super()
        schema = known._map_basic_serializer(serializer, direction)
        if isinstance(serializer, StrictSerializer):
            schema |= {"additionalProperties": False, **serializer.keywords}
        return schema


class BearerScheme(SimpleJWTScheme):  # type: ignore[no-untyped-call]  # the library's
    """How the document shows the sign-in with a token."""

    target_class = "batchgen.accounts.tokens.BearerAuthentication"

    def get_security_definition(self, auto_schema: Any) -> Any:
        told = "The `access` of a sign-in, or an API token (`POST /tokens`), which has a scope."
        return {"type": "http", "scheme": "bearer", "description": told}


class Document(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]  # the library's
    """Pydantic models as they are read, without the titles that pydantic makes of names."""

    target_class = "pydantic.BaseModel"
    match_subclasses = True
    priority = 1

    def get_name(self, auto_schema: AutoSchema, direction: Direction) -> str:
        return str(self.target.__name__)

    def map_serializer(self, auto_schema: Any, direction: Direction) -> Any:
        return document_schema(auto_schema, self.target)


def document_schema(
    auto_schema: Any, model: type[BaseModel], *, without: Collection[str] = ()
) -> dict[str, Any]:
    """A pydantic model as it is read; what it refers to are components of the document.

    Args:
        without: properties that are left out.
    """
    schema = model_json_schema(model, ref_template=_REFS, mode="validation")
    parts = schema.pop("$defs", {})
    for name in without:
        schema.get("properties", {}).pop(name, None)
    referred = json.dumps([schema, parts])
    for name, part in parts.items():
        if json.dumps(_REFS.format(model=name)) in referred:
            auto_schema._component(name, ResolvedComponent.SCHEMA, _untitled(part))
    return _untitled(schema)


def _untitled(schema: dict[str, Any]) -> dict[str, Any]:
    for part in schema.get("properties", {}).values():
        part.pop("title", None)
    schema.pop("title", None)
    return schema


def _enveloped(schema: dict[str, Any], *, paged: bool) -> dict[str, Any]:
    properties: dict[str, Any] = {"data": schema, "error": {"type": "null"}}
    if paged or schema.get("type") == "array":
        properties["page"] = _PAGE_SCHEMA
    return {"type": "object", "required": list(properties), "properties": properties}
