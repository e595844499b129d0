"""`/_sim/…`: settings, faults, clock, reset and the call log, for tests and operators."""

import json
from dataclasses import asdict
from typing import Any
from urllib.parse import parse_qs

from simulator.batches.batches import Batches
from simulator.clock import rfc3339
from simulator.endpoints.replies import send_json
from simulator.http.connection import Exchange
from simulator.protocol.errors import ApiError
from simulator.settings import SettingsError
from simulator.state.fault_actions import FaultRuleError, is_number
from simulator.state.faults import FaultRules, parse_rules
from simulator.state.provider import Provider


def show_config(provider: Provider, _: Exchange) -> dict[str, Any]:
    """The settings in force."""
    return asdict(provider.settings)


def change_config(provider: Provider, exchange: Exchange) -> dict[str, Any]:
    """Merge the given settings into those in force."""
    changes = _json(exchange)
    if not isinstance(changes, dict):
        raise ApiError(400, "Send an object of settings.")
    try:
        provider.configure(provider.settings.merged(changes))
    except SettingsError as error:
        raise ApiError(400, str(error)) from None
    return asdict(provider.settings)


def show_faults(provider: Provider, _: Exchange) -> dict[str, Any]:
    """How many rules are in force, and how often each has fired."""
    return {"rules": len(provider.faults.rules), "fired": provider.faults.fired()}


def change_faults(provider: Provider, exchange: Exchange) -> dict[str, Any]:
    """Put the given rules in the place of those in force; all or none."""
    try:
        provider.faults = FaultRules(parse_rules(_json(exchange)))
    except FaultRuleError as error:
        raise ApiError(400, str(error)) from None
    return show_faults(provider, exchange)


def reset(provider: Provider, batches: Batches, _: Exchange) -> dict[str, Any]:
    """Settings, faults and time of the start, full buckets, empty caches and books, no batches."""
    provider.reset()
    batches.clear()
    return {"reset": True}


def show_clock(provider: Provider, _: Exchange) -> dict[str, Any]:
    """The provider's time, and how far it was moved."""
    clock = provider.clock
    return {"now": rfc3339(clock.now_s()), "advanced_s": clock.advanced_s}


def advance_clock(provider: Provider, batches: Batches, exchange: Exchange) -> None:
    """Move the clock; answered once the batches have ended whose time that makes come."""
    asked = _json(exchange)
    by_s = asked.get("advance_s") if isinstance(asked, dict) else None
    if not isinstance(by_s, int | float) or not is_number(by_s) or by_s < 0:
        raise ApiError(400, 'Send {"advance_s": seconds}, 0 or more.')
    provider.clock.advance(by_s)
    batches.when_idle(lambda: send_json(exchange, show_clock(provider, exchange)))


def show_stats(provider: Provider, batches: Batches, exchange: Exchange) -> dict[str, Any]:
    """Totals, calls to the batch endpoints, and, unless `summary=1`, calls from `since` on."""
    query = parse_qs(exchange.request.query)
    calls = provider.calls
    stats: dict[str, Any] = {
        "totals": calls.totals(),
        "batch_calls": dict(batches.asked),
        "next_index": calls.next_index,
    }
    if query.get("summary") != ["1"]:
        since = query.get("since", ["0"])[0]
        if not since.isdecimal():
            raise ApiError(400, "since must be the index of a call, 0 or more.")
        stats["calls"] = calls.since(int(since))
    return stats


def _json(exchange: Exchange) -> Any:
    try:
        return json.loads(exchange.request.body)
    except ValueError:
        raise ApiError(400, "The body is not valid JSON.") from None
