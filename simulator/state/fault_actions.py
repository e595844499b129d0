"""What a fault rule does to a call: the action, read from decoded JSON."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from simulator.protocol.errors import ERROR_KINDS, ApiError

HTML_STATUS = 502

STREAM_ONLY = frozenset({"stream_early_end", "stream_error"})
SUCCESS = 200
ERROR_STATUSES = frozenset({SUCCESS, 301, 302, 303, 307, 308, *range(400, 600)})

_BEFORE_ANSWER = frozenset({"error", "delay", "stall"})
_SPOILED_BODIES = frozenset({"bad_http_json", "empty_object", "text_plain"})
_TEXTS = frozenset(
    (
        *("malformed_json", "schema_miss", "weak_stories", "refusal", "max_tokens", "thinking"),
        *("text", "no_format"),
    )
)
ACTIONS_OF = {
    "messages": STREAM_ONLY
    | _BEFORE_ANSWER
    | _SPOILED_BODIES
    | _TEXTS
    | {"drip", "cut_body", "reset"},
    "batches.create": _BEFORE_ANSWER | {"reset", "lost_answer", "batch"},
    "batches.list": _BEFORE_ANSWER | _SPOILED_BODIES | {"reset"},
    "batches.get": _BEFORE_ANSWER | _SPOILED_BODIES | {"reset"},
    "batches.cancel": _BEFORE_ANSWER | {"reset", "lost_answer"},
    "batches.delete": _BEFORE_ANSWER | {"reset", "lost_answer"},
    "batches.results": _BEFORE_ANSWER | {"reset", "cut_body", "wrong_line", "double_line"},
    "batches.line": _TEXTS | {"error"},
}
"""What can go wrong where; `batches.line` is one request of a batch."""
SECONDS = ("delay_s", "duration_s", "retry_after_s", "ends_after_s", "deviation_s", "hidden_s")


class FaultRuleError(ValueError):
    """A rule cannot be understood; the message says which part and what is allowed."""


@dataclass(frozen=True, kw_only=True)
class Action:
    """What happens to the call."""

    type: str
    delay_s: float = 0.0
    """Waited on top of the latency (an error has no latency of its own)."""
    status: int = 500
    kind: str | None = None
    error_type: str | None = None
    """Instead of the type that belongs to the status; with status 200: an error in a success."""
    body: str | None = None
    """For "error": all of the body, in the words of whatever stands before the provider."""
    message: str | None = None
    retry_after_s: float | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    at: str = "before"
    """For "reset": "before" any byte of the answer, or in "mid" body."""
    duration_s: float = 2.7
    pieces: int = 27
    """For "drip": the answer arrives in this many pieces over `duration_s`."""
    text: str = ""
    """For "text": the answer's."""
    after_bytes: int | None = None
    """For "cut_body" of a batch's results: the body ends there; by default at its half."""
    line: int | None = None
    """For "wrong_line" and "double_line": which of the results; by default that in the middle."""
    ends_after_s: float | None = None
    """Of a batch that is created: time to its end, instead of the setting's (the mean, with
    `deviation_s`)."""
    deviation_s: float = 0.0
    never_ends: bool = False
    """Of a batch that is created: only a cancellation or its expiry ends it."""
    done: float = 0.0
    """Of a batch that never ends: the share of its requests that are done all the same."""
    hidden_s: float = 0.0
    """Of a batch that is created: so long neither the list nor its address know it."""

    @property
    def name(self) -> str:
        """The name of the fault in the call log."""
        parts = [self.type]
        if self.type == "error":
            parts += [str(self.status), *([self.kind] if self.kind else [])]
        return "_".join(parts + ([self.at] if self.type == "reset" else []))

    def error(self) -> ApiError:
        """The error answer of an "error" action."""
        kind = ERROR_KINDS.get(self.kind or "")
        headers = dict(self.headers)
        retry_after_s = self.retry_after_s
        waits = self.status == 429 and (kind is None or kind.waits)
        if retry_after_s is None and waits and "retry-after" not in headers:
            retry_after_s = 1
        if retry_after_s is not None:
            headers["retry-after"] = f"{retry_after_s:g}"
        return ApiError(
            self.status,
            self.message or (kind.message if kind else None),
            error_type=self.error_type,
            error_code=kind.error_code if kind else None,
            headers=headers,
            raw=self.body,
            html=self.kind == "html" or (self.status == HTML_STATUS and self.kind is None),
        )


NO_FAULT = Action(type="delay")
"""What happens to a call that no rule takes."""


def parse_action(where: str, value: Any, endpoint: str) -> Action:
    """An action for an endpoint, from decoded JSON.

    Raises:
        FaultRuleError: it cannot be understood, or cannot happen there.
    """
    action = object_of(where, value, {field.name for field in fields(Action)})
    if action.get("type") not in ACTIONS_OF[endpoint]:
        allowed = ", ".join(sorted(ACTIONS_OF[endpoint]))
        raise FaultRuleError(f"{where}.type must, for {endpoint}, be one of {allowed}.")
    for name in SECONDS:
        if name in action and not (is_number(action[name]) and action[name] >= 0):
            raise FaultRuleError(f"{where}.{name} must be a number of seconds, 0 or more.")
    for name in ("pieces", "line", "after_bytes"):
        if name in action and not is_count(action[name]):
            raise FaultRuleError(f"{where}.{name} must be a whole number from 1.")
    if not (is_number(action.get("done", 0)) and 0 <= action.get("done", 0) <= 1):
        raise FaultRuleError(f"{where}.done must be a number from 0 to 1.")
    if not isinstance(action.get("never_ends", False), bool):
        raise FaultRuleError(f"{where}.never_ends must be true or false.")
    if action.get("at", "before") not in ("before", "mid"):
        raise FaultRuleError(f'{where}.at must be "before" or "mid".')
    for name in ("message", "error_type", "body"):
        if not isinstance(action.get(name), str | None):
            raise FaultRuleError(f"{where}.{name} must be a string or null.")
    if not isinstance(action.get("text", ""), str):
        raise FaultRuleError(f"{where}.text must be a string.")
    return Action(**{**action, **_parse_error(where, action), "headers": _headers(where, action)})


def _parse_error(where: str, action: Mapping[str, Any]) -> dict[str, Any]:
    kind_name = action.get("kind")
    kinds = {"html", "plain", *ERROR_KINDS}
    if kind_name is not None and kind_name not in kinds:
        raise FaultRuleError(f"{where}.kind must be one of {', '.join(sorted(kinds))}, or null.")
    kind = ERROR_KINDS.get(kind_name or "")
    status = action.get("status", kind.status if kind else 500)
    if status not in ERROR_STATUSES:
        raise FaultRuleError(f"{where}.status must be an error status such as 429, 500 or 529.")
    if status == SUCCESS and action.get("error_type") is None and action.get("body") is None:
        raise FaultRuleError(f"{where}.status 200 is an error only with an error_type or a body.")
    if kind and status != kind.status:
        raise FaultRuleError(f"{where}.kind {kind_name} belongs to status {kind.status}.")
    return {"status": status}


def _headers(where: str, action: Mapping[str, Any]) -> dict[str, str]:
    headers = action.get("headers", {})
    if not isinstance(headers, dict):
        raise FaultRuleError(f"{where}.headers must be an object of names and values.")
    clean = {str(name).lower(): str(value) for name, value in headers.items()}
    if any("\n" in text or "\r" in text for pair in clean.items() for text in pair):
        raise FaultRuleError(f"{where}.headers must not hold line breaks.")
    return clean


def object_of(where: str, value: Any, known: set[str]) -> dict[str, Any]:
    """A JSON object that has no names but the known ones.

    Raises:
        FaultRuleError: it is none, or has others.
    """
    if not isinstance(value, dict):
        raise FaultRuleError(f"{where} must be an object.")
    if unknown := set(value) - known:
        raise FaultRuleError(
            f"{where}: unknown {', '.join(sorted(unknown))}; known: {', '.join(sorted(known))}."
        )
    return value


def is_count(value: object) -> bool:
    """Whether a JSON value is a whole number from 1."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def is_number(value: object) -> bool:
    """Whether a JSON value is a number."""
    return isinstance(value, int | float) and not isinstance(value, bool)
