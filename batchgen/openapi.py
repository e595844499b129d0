"""The OpenAPI document tells what is sent: envelopes, pages and errors."""

from functools import cache
from typing import Any

from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent
from drf_spectacular.utils import Direction

_ERRORS = {
    400: "VALIDATION_ERROR: the input is not valid; `details` name the fields.",
    401: "UNAUTHORIZED: no token, or one that is malformed or expired.",
    403: "FORBIDDEN: signed in, but not allowed to do this here.",
    404: "NOT_FOUND: not there, or not yours to see.",
    405: "METHOD_NOT_ALLOWED.",
    406: "NOT_ACCEPTABLE.",
    408: "REQUEST_TIMEOUT: the body did not arrive in time.",
    409: "INVALID_TRANSITION, RUN_ALREADY_ACTIVE, VERSION_CONFLICT or IDEMPOTENCY_CONFLICT.",
    413: "PAYLOAD_TOO_LARGE.",
    415: "UNSUPPORTED_MEDIA_TYPE: bodies are application/json in UTF-8.",
    429: "THROTTLED: `Retry-After` says when to come back.",
    500: "INTERNAL_ERROR: our fault; the message has an id that stands in the log.",
    503: "UNAVAILABLE: the database or Redis is away; `Retry-After` says when to come back.",
}
_BODY_ERRORS = (408, 409, 413, 415)
_ERROR_SCHEMA = {
    "type": "object",
    "required": ["data", "error"],
    "properties": {
        "data": {"type": "null"},
        "error": {
            "type": "object",
            "required": ["code", "message", "details"],
            "properties": {
                "code": {"type": "string"},
                "message": {"type": "string"},
                "details": {"type": "object", "additionalProperties": True},
            },
        },
    },
}
_PAGE_SCHEMA = {
    "type": "object",
    "required": ["next", "previous"],
    "properties": {
        "next": {"type": ["string", "null"]},
        "previous": {"type": ["string", "null"]},
    },
}


class OnceGenerator(SchemaGenerator):
    """Makes the document once in a process: it takes a second, and anybody may ask for it."""

    def get_schema(self, request: Any = None, public: bool = False) -> Any:
        return _schema_of(self.urlconf, self.api_version)


@cache
def _schema_of(urlconf: str | None, api_version: str | None) -> Any:
    generator: Any = SchemaGenerator
    return generator(urlconf=urlconf, api_version=api_version).get_schema(public=True)


class EnvelopeSchema(AutoSchema):
    """Wraps every JSON answer in the envelope and adds the errors that it may have."""

    def _get_response_bodies(self, direction: Direction = "response") -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        extensions = self.get_extensions()
        raw, paged = "x-no-envelope" in extensions, "x-page" in extensions
        for body in bodies.values():
            if not raw and "application/json" in body.get("content", {}):
                content = body["content"]["application/json"]
                content["schema"] = _enveloped(content["schema"], paged=paged)
        return {**bodies, **self._errors()}

    def _errors(self) -> dict[str, Any]:
        component = ResolvedComponent(  # type: ignore[no-untyped-call]  # the library's
            name="Failure", type=ResolvedComponent.SCHEMA, schema=_ERROR_SCHEMA, object="Failure"
        )
        self.registry.register_on_missing(component)
        content = {"application/json": {"schema": component.ref}}
        return {
            str(status): {"description": _ERRORS[status], "content": content}
            for status in self._error_statuses()
        }

    def _error_statuses(self) -> list[int]:
        found = {400, 401, 406, 429, 500, 503}
        if "{" in self.path:
            found |= {403, 404}
        if self.method in {"POST", "PATCH", "PUT"}:
            found |= set(_BODY_ERRORS)
        if self.method == "DELETE":
            found.add(409)
        return sorted(found)


def _enveloped(schema: dict[str, Any], *, paged: bool) -> dict[str, Any]:
    properties: dict[str, Any] = {"data": schema, "error": {"type": "null"}}
    if paged or schema.get("type") == "array":
        properties["page"] = _PAGE_SCHEMA
    return {"type": "object", "required": list(properties), "properties": properties}
