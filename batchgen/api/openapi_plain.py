"""OpenAPI operations that are not REST framework views, such as the health checks."""

from typing import Any

from batchgen.api.openapi_errors import response

_FAILURE = {"$ref": "#/components/schemas/Failure"}


def _status(text: str) -> dict[str, Any]:
    data = {
        "type": "object",
        "required": ["status"],
        "properties": {"status": {"type": "string", "enum": [text]}},
    }
    schema = {
        "type": "object",
        "required": ["data", "error"],
        "properties": {"data": data, "error": {"type": "null"}},
    }
    example = {"data": {"status": text}, "error": None}
    return {"content": {"application/json": {"schema": schema, "example": example}}}


def _ready() -> dict[str, Any]:
    found = _status("ready")
    warning = {
        "type": "object",
        "required": ["code", "host", "aheadMs", "message"],
        "properties": {
            "code": {"type": "string", "enum": ["CLOCK_WRONG"]},
            "host": {"type": "string"},
            "aheadMs": {"type": "integer", "description": "Negative: the clock is behind."},
            "message": {"type": "string"},
        },
    }
    data = found["content"]["application/json"]["schema"]["properties"]["data"]
    data["properties"]["warnings"] = {
        "type": "array",
        "items": warning,
        "description": "Where there are any: hosts whose clock differs from PostgreSQL's.",
    }
    return found


def _missing() -> dict[str, Any]:
    found = response(["UNAVAILABLE"], _FAILURE)
    error = {
        "code": "UNAVAILABLE",
        "message": "Missing: redis, worker.",
        "details": {"missing": ["redis", "worker"]},
    }
    content = found["content"]["application/json"]
    content["examples"] = {"UNAVAILABLE": {"value": {"data": None, "error": error}}}
    return {**found, "description": "`details.missing` lists what is not there."}


def _operation(name: str, summary: str, responses: dict[str, Any]) -> dict[str, Any]:
    described = {"operationId": name, "summary": summary, "tags": ["health"], "security": []}
    return {"get": {**described, "responses": responses}}


#: {path: its operations}
PLAIN: dict[str, dict[str, Any]] = {
    "/healthz": _operation(
        "healthz",
        "Is the process up?",
        {"200": {"description": "It answers.", **_status("ok")}},
    ),
    "/readyz": _operation(
        "readyz",
        "Can this installation take work?",
        {
            "200": {"description": "All is there.", **_ready()},
            "503": _missing(),
        },
    ),
    "/metrics": _operation(
        "metrics",
        "The process's metrics, for Prometheus",
        {
            "200": {
                "description": "In Prometheus's text format.",
                "content": {"text/plain": {"schema": {"type": "string"}}},
            },
            "404": {
                "description": "You may not read them: see BATCHGEN_METRICS_TOKEN.",
                "content": {"text/html": {"schema": {"type": "string"}}},
            },
        },
    ),
}
