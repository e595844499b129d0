"""Fault rules: which call goes wrong, how often, and in what way."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, fields
from hashlib import blake2b
from typing import Any

from simulator.state.fault_actions import (
    ACTIONS_OF,
    STREAM_ONLY,
    Action,
    FaultRuleError,
    is_count,
    is_number,
    object_of,
    parse_action,
)

COUNTED_KEPT = 100_000
"""Markers a rule keeps counts for; the oldest are forgotten first."""


@dataclass(frozen=True, kw_only=True)
class Match:
    """Which calls a rule is for; None means any."""

    endpoint: str = "messages"
    epic: str | None = None
    marker: str | None = None
    model: str | None = None
    nth: tuple[int, ...] | None = None
    """Counted from 1 over the calls with the same marker (or epic, where there is no marker; for
    the batch endpoints, of the same batch) that fit the rest of the match."""
    probability: float = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Occasion:
    """One call, or one request of a batch, as rules see it; `marker` may be a batch's id."""

    endpoint: str = "messages"
    epic: str | None = None
    marker: str | None = None
    model: str | None = None
    stream: bool = False


class Rule:
    """One rule and how often it has fired."""

    def __init__(self, match: Match, times: int | None, action: Action) -> None:
        self.match = match
        self.action = action
        self.times = times
        self.fired = 0
        self._seen: OrderedDict[str, int] = OrderedDict()

    def fires(self, call: Occasion, salt: str) -> bool:
        """Count the call and say whether the rule takes it.

        A chance depends on seed, marker and count alone, so it does not depend on the order
        in which concurrent calls arrive.
        """
        match = self.match
        if self.times is not None and self.fired >= self.times:
            return False
        if self.action.type in STREAM_ONLY and not call.stream:
            return False
        wanted = (
            (match.endpoint, call.endpoint),
            *((match.epic, call.epic), (match.marker, call.marker), (match.model, call.model)),
        )
        if any(asked is not None and asked != given for asked, given in wanted):
            return False
        who = call.marker or call.epic or ""
        nth = self._count(who)
        if match.nth is not None and nth not in match.nth:
            return False
        if match.probability < 1 and chance(f"{salt}/{who}/{nth}") >= match.probability:
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

    def action_for(self, call: Occasion, seed: int) -> Action | None:
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
    rule = object_of(where, value, {"match", "times", "action"})
    times = rule.get("times")
    if times is not None and not is_count(times):
        raise FaultRuleError(f"{where}: times must be a whole number from 1, or null.")
    match = _parse_match(f"{where}.match", rule.get("match") or {})
    action = parse_action(f"{where}.action", rule.get("action"), match.endpoint)
    return Rule(match, times, action)


def _parse_match(where: str, value: Any) -> Match:
    match = object_of(where, value, {field.name for field in fields(Match)})
    endpoint = match.get("endpoint", "messages")
    if endpoint not in ACTIONS_OF:
        raise FaultRuleError(f"{where}.endpoint must be one of {', '.join(ACTIONS_OF)}.")
    nth = match.get("nth")
    if nth is not None and not (isinstance(nth, list) and all(map(is_count, nth))):
        raise FaultRuleError(f"{where}.nth must be a list of whole numbers from 1, or null.")
    for name in ("epic", "marker", "model"):
        if not isinstance(match.get(name), str | None):
            raise FaultRuleError(f"{where}.{name} must be a string or null.")
    probability = match.get("probability")
    if probability is not None and not (is_number(probability) and 0 <= probability <= 1):
        raise FaultRuleError(f"{where}.probability must be a number from 0 to 1, or null.")
    return Match(
        endpoint=endpoint,
        epic=match.get("epic"),
        marker=match.get("marker"),
        model=match.get("model"),
        nth=tuple(nth) if nth is not None else None,
        probability=1.0 if probability is None else probability,
    )


def chance(text: str) -> float:
    """A number from 0 to 1 that looks drawn, and is the same for the same text."""
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64
