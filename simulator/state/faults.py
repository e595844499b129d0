"""Fault rules: which call goes wrong, how often, and in what way."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from hashlib import blake2b
from typing import Any

from simulator.protocol.errors import ERROR_KINDS, ApiError
from simulator.state.calls import Call

COUNTED_KEPT = 100_000
"""Markers a rule keeps counts for; the oldest are forgotten first."""
HTML_STATUS = 502

STREAM_ONLY = frozenset({"stream_early_end", "stream_error"})
ACTION_TYPES = STREAM_ONLY | {
    *("error", "bad_http_json", "empty_object", "text_plain"),
    *("malformed_json", "schema_miss", "weak_stories", "refusal", "max_tokens", "thinking"),
    *("text", "no_format"),
    *("delay", "stall", "drip", "cut_body", "reset"),
}
SUCCESS = 200
ERROR_STATUSES = frozenset({SUCCESS, 301, 302, 303, 307, 308, *range(400, 600)})


class FaultRuleError(ValueError):
    """A rule cannot be understood; the message says which part and what is allowed."""


@dataclass(frozen=True, kw_only=True)
class Match:
    """Which calls a rule is for; None means any."""

    epic: str | None = None
    marker: str | None = None
    model: str | None = None
    nth: tuple[int, ...] | None = None
    """Counted from 1 over the calls with the same marker (or epic, where there is no marker)
    that fit the rest of the match."""
    probability: float = 1.0


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


class Rule:
    """One rule and how often it has fired."""

    def __init__(self, match: Match, times: int | None, action: Action) -> None:
        self.match = match
        self.action = action
        self.times = times
        self.fired = 0
        self._seen: OrderedDict[str, int] = OrderedDict()

    def fires(self, call: Call, salt: str) -> bool:
        """Count the call and say whether the rule takes it.

        A chance depends on seed, marker and count alone, so it does not depend on the order
        in which concurrent calls arrive.
        """
        match = self.match
        if self.times is not None and self.fired >= self.times:
            return False
        if self.action.type in STREAM_ONLY and not call.stream:
            return False
        wanted = ((match.epic, call.epic), (match.marker, call.marker), (match.model, call.model))
        if any(asked is not None and asked != given for asked, given in wanted):
            return False
        who = call.marker or call.epic or ""
        nth = self._count(who)
        if match.nth is not None and nth not in match.nth:
            return False
        if match.probability < 1 and _chance(f"{salt}/{who}/{nth}") >= match.probability:
            return False
        self.fired += 1
        return True

    def _count(self, who: str) -> int:
        nth = self._seen[who] = self._seen.get(who, 0) + 1
        if len(self._seen) > COUNTED_KEPT:
            self._seen.popitem(last=False)
        return nth


class FaultRules:
    """The rules in force; the first that fires decides."""

    def __init__(self, rules: Sequence[Rule] = ()) -> None:
        self.rules = list(rules)

    def action_for(self, call: Call, seed: int) -> Action | None:
        """What happens to this call, or None for an honest answer."""
        for at, rule in enumerate(self.rules):
            if rule.fires(call, f"{seed}/{at}"):
                return rule.action
        return None

    def fired(self) -> list[int]:
        """How often each rule has fired, in their order."""
        return [rule.fired for rule in self.rules]


def parse_rules(value: Any) -> list[Rule]:
    """Fresh rules from decoded JSON.

    Raises:
        FaultRuleError: on anything that is not understood, so that a typing error in a rule
            never passes for "no fault".
    """
    if not isinstance(value, list):
        raise FaultRuleError('The rules must be a list of {"match", "times", "action"} objects.')
    return [_parse_rule(f"rule {at}", rule) for at, rule in enumerate(value)]


def _parse_rule(where: str, value: Any) -> Rule:
    rule = _object(where, value, {"match", "times", "action"})
    times = rule.get("times")
    if times is not None and not _is_count(times):
        raise FaultRuleError(f"{where}: times must be a whole number from 1, or null.")
    match = _parse_match(f"{where}.match", rule.get("match") or {})
    return Rule(match, times, _parse_action(f"{where}.action", rule.get("action")))


def _parse_match(where: str, value: Any) -> Match:
    match = _object(where, value, {field.name for field in fields(Match)})
    nth = match.get("nth")
    if nth is not None and not (isinstance(nth, list) and all(map(_is_count, nth))):
        raise FaultRuleError(f"{where}.nth must be a list of whole numbers from 1, or null.")
    for name in ("epic", "marker", "model"):
        if not isinstance(match.get(name), str | None):
            raise FaultRuleError(f"{where}.{name} must be a string or null.")
    probability = match.get("probability")
    if probability is not None and not (_is_number(probability) and 0 <= probability <= 1):
        raise FaultRuleError(f"{where}.probability must be a number from 0 to 1, or null.")
    return Match(
        epic=match.get("epic"),
        marker=match.get("marker"),
        model=match.get("model"),
        nth=tuple(nth) if nth is not None else None,
        probability=1.0 if probability is None else probability,
    )


def _parse_action(where: str, value: Any) -> Action:
    action = _object(where, value, {field.name for field in fields(Action)})
    if action.get("type") not in ACTION_TYPES:
        raise FaultRuleError(f"{where}.type must be one of {', '.join(sorted(ACTION_TYPES))}.")
    for name in ("delay_s", "duration_s", "retry_after_s"):
        if name in action and not (_is_number(action[name]) and action[name] >= 0):
            raise FaultRuleError(f"{where}.{name} must be a number of seconds, 0 or more.")
    if not _is_count(action.get("pieces", 1)):
        raise FaultRuleError(f"{where}.pieces must be a whole number from 1.")
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


def _object(where: str, value: Any, known: set[str]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise FaultRuleError(f"{where} must be an object.")
    if unknown := set(value) - known:
        raise FaultRuleError(
            f"{where}: unknown {', '.join(sorted(unknown))}; known: {', '.join(sorted(known))}."
        )
    return value


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _chance(text: str) -> float:
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64
