"""The same content is stored whether an answer has it in words or as short as it is asked for."""

import json
from itertools import groupby
from typing import Any

import pytest

from benchmarks.sample_calls import SampleCall, sample_calls

_CALLS = {kind: list(calls) for kind, calls in groupby(sample_calls(), key=lambda call: call.kind)}


@pytest.mark.parametrize("kind", _CALLS)
def test_what_is_stored_is_the_same(kind: str) -> None:
    for call in _CALLS[kind]:
        wordy, short = call.answers()
        assert call.stored(short) == call.stored(wordy)
        assert len(short) < len(wordy)


@pytest.mark.parametrize("call", [calls[0] for calls in _CALLS.values()])
def test_no_key_is_longer_than_it_has_to_be(call: SampleCall) -> None:
    _, short = call.answers()
    entries = next(value for value in json.loads(short).values() if isinstance(value, list))
    assert all(len(key) == 1 for entry in entries for key in entry)
    assert '": ' not in short, "nothing pretty is printed"


@pytest.mark.parametrize("call", [calls[0] for calls in _CALLS.values()])
def test_null_is_as_good_as_left_out(call: SampleCall) -> None:
    """Some providers know no optional properties, so that their clients ask for null instead."""
    schema: Any = call.request.completion.schema
    _, short = call.answers()
    whole = _with_nulls(json.loads(short), schema)
    assert call.stored(json.dumps(whole)) == call.stored(short)


def _with_nulls(value: Any, schema: dict[str, Any]) -> Any:
    if isinstance(value, list):
        return [_with_nulls(one, schema["items"]) for one in value]
    if not isinstance(value, dict):
        return value
    properties = schema["properties"]
    given = {key: _with_nulls(one, properties[key]) for key, one in value.items()}
    return dict.fromkeys(properties) | given
