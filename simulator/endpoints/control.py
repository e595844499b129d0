"""`/_sim/…`: settings, faults, reset and the call log, for tests and operators."""

import json
from dataclasses import asdict
from typing import Any
from urllib.parse import parse_qs

from simulator.http.connection import Exchange
from simulator.protocol.errors import ApiError
from simulator.settings import SettingsError
from simulator.state.faults import FaultRuleError, FaultRules, parse_rules
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


def reset(provider: Provider, _: Exchange) -> dict[str, Any]:
    """Settings and faults of the start, full buckets, empty cache and books."""
    provider.reset()
    return {"reset": True}


def show_stats(provider: Provider, exchange: Exchange) -> dict[str, Any]:
    """Totals, and the calls from index `since` on unless `summary=1`."""
    query = parse_qs(exchange.request.query)
    calls = provider.calls
    stats: dict[str, Any] = {"totals": calls.totals(), "next_index": calls.next_index}
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
