"""The error responses of the OpenAPI document, each with status, code and an example."""

from collections.abc import Iterable, Sequence
from typing import Any

from batchgen import errors

#: On a declared operation: the codes of errors that do not follow from its shape.
ERRORS = "x-errors"
_RETRY_AFTER = {
    "Retry-After": {
        "description": "Seconds until it is worth trying again.",
        "required": True,
        "schema": {"type": "integer", "minimum": 1},
    }
}
_AUTHENTICATE = {
    "WWW-Authenticate": {
        "description": "How to sign in.",
        "required": True,
        "schema": {"type": "string"},
    }
}
_SOME_ID = "01989f3e-5a1c-7b60-8d3f-2f6c1e0a9b47"

#: {code: (status, when, an example's message, its details)}; no message: the error's own.
_ERRORS: dict[str, tuple[int, str, str, dict[str, Any]]] = {
    "VALIDATION_ERROR": (
        400,
        "The input is not valid; `details` has messages by field.",
        "The input is not valid.",
        {"title": ["This field may not be blank."]},
    ),
    "PRICE_UNKNOWN": (400, "A budget applies, and the model has no price.", "", {}),
    "HOST_NOT_ALLOWED": (400, "The server does not answer to this name.", "", {}),
    "UNAUTHORIZED": (
        401,
        "No sign-in, or one that is wrong, spent or expired.",
        "Authentication credentials were not provided.",
        {},
    ),
    "FORBIDDEN": (
        403,
        "Signed in, but not allowed to do this here; `details.scope`: what the token lacks.",
        "",
        {},
    ),
    "NOT_FOUND": (404, "Not there, or not yours to see.", "", {}),
    "NOT_ACCEPTABLE": (
        406,
        "No answer has a type that `Accept` names.",
        "Could not satisfy the request Accept header.",
        {},
    ),
    "REQUEST_TIMEOUT": (408, "The body did not arrive in time.", "", {}),
    "INVALID_TRANSITION": (
        409,
        "The status does not allow it.",
        "A succeeded run cannot be paused.",
        {"status": "SUCCEEDED"},
    ),
    "RUN_ALREADY_ACTIVE": (
        409,
        "A run of the project is active; `details.runId` says which.",
        "This project already has an active run of this type. Wait for it, or cancel it.",
        {"runId": _SOME_ID},
    ),
    "ITEM_ALREADY_ACTIVE": (
        409,
        "One of the items is open in another run; `details` says in which, by the item's code.",
        "Another run that is not over includes E3. Wait for its end, or cancel it.",
        {"E3": _SOME_ID},
    ),
    "QUOTA_REACHED": (
        409,
        "More than one user may have; `details` says the limit, its setting and what is used.",
        "You have 100 of at most 100 runs that are not over, and this needs 1 more.",
        {"limit": 100, "setting": "BATCHGEN_USER_RUNS", "used": 100, "needed": 1},
    ),
    "QUOTE_OUTDATED": (
        409,
        "The quote's time is over, or what it was made of has changed.",
        "The quote was valid until 2026-11-30 10:29:00 UTC. Ask for a new one.",
        {"validUntil": "2026-11-30T10:29:00Z"},
    ),
    "BUDGET_REACHED": (
        409,
        "A budget is used up; `details` says which, its limit and what is spent.",
        "The project's budget for November 2026 is used up: $20.00 of $20.00 are spent.",
        {"scope": "project", "limitUsd": "20.000000", "spentUsd": "20.000000"},
    ),
    "VERSION_CONFLICT": (409, "Somebody changed it since that version.", "", {"version": 8}),
    "IDEMPOTENCY_CONFLICT": (409, "The Idempotency-Key belongs to another request.", "", {}),
    "PAYLOAD_TOO_LARGE": (413, "The body is too large.", "", {"limitBytes": 10_000_000}),
    "UNSUPPORTED_MEDIA_TYPE": (
        415,
        "Bodies are application/json in UTF-8, or a form with a file of a type that is taken.",
        'Unsupported media type "text/plain" in request.',
        {},
    ),
    "THROTTLED": (
        429,
        "Too many requests.",
        "Request was throttled. Expected available in 12 seconds.",
        {},
    ),
    "HEADERS_TOO_LARGE": (431, "The head is too large.", "", {"limitBytes": 32_768}),
    "INTERNAL_ERROR": (
        500,
        "Our fault; `details.id` stands in the log.",
        "Something went wrong on our side. The log has it as 5f0c6a1e.",
        {"id": "5f0c6a1e"},
    ),
    "UNAVAILABLE": (503, "The database or Redis is away.", "", {}),
}
_HEADERS: dict[int, dict[str, Any]] = {401: _AUTHENTICATE, 429: _RETRY_AFTER, 503: _RETRY_AFTER}
_OWN = {error.code: error for error in errors.BatchgenError.__subclasses__()}

FAILURE = {
    "type": "object",
    "required": ["data", "error"],
    "properties": {
        "data": {"type": "null"},
        "error": {
            "type": "object",
            "required": ["code", "message", "details"],
            "properties": {
                "code": {"type": "string", "enum": list(_ERRORS)},
                "message": {"type": "string", "description": "A sentence for a person."},
                "details": {"type": "object", "additionalProperties": True},
            },
        },
    },
}


def by_status(codes: Iterable[str]) -> dict[int, list[str]]:
    """{status: codes}, in their order."""
    found: dict[int, list[str]] = {}
    for code in sorted(codes, key=list(_ERRORS).index):
        found.setdefault(_ERRORS[code][0], []).append(code)
    return found


def response_name(codes: Sequence[str]) -> str:
    """What the component is called: `VersionConflict`, or `VersionConflictOrInvalidTransition`."""
    return "Or".join(code.title().replace("_", "") for code in codes)


def response(codes: Sequence[str], failure: dict[str, Any]) -> dict[str, Any]:
    """The response with one of these codes, which have one status.

    Args:
        failure: a reference to FAILURE.
    """
    only = {"properties": {"error": {"properties": {"code": {"enum": list(codes)}}}}}
    content = {
        "schema": {"allOf": [failure, only]},
        "examples": {code: {"value": _example(code)} for code in codes},
    }
    headers = _HEADERS.get(_ERRORS[codes[0]][0])
    return {
        "description": " ".join(f"{code}: {_ERRORS[code][1]}" for code in codes),
        **({"headers": headers} if headers else {}),
        "content": {"application/json": content},
    }


def _example(code: str) -> dict[str, Any]:
    _, _, message, details = _ERRORS[code]
    message = message or str(_OWN[code]())
    return {"data": None, "error": {"code": code, "message": message, "details": details}}
