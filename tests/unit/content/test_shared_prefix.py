"""What a run's calls begin with is the same and marked once at its end, so that it is cached."""

from itertools import groupby

import pytest

from benchmarks.sample_calls import SampleCall, sample_calls
from simulator.protocol.tokens import count_tokens

#: The longest of the models' shortest prefixes that are cached; claude-haiku-4-5 wants 4,096.
_LONGEST_MINIMUM = 1_024
_CALLS = {kind: list(calls) for kind, calls in groupby(sample_calls(), key=lambda call: call.kind)}


@pytest.mark.parametrize("kind", _CALLS)
def test_calls_of_a_project_share_all_that_is_marked(kind: str) -> None:
    prefixes = [call.request.completion.system for call in _CALLS[kind]]
    of_projects = {prefix[-1].text for prefix in prefixes}
    assert len(set(prefixes)) == len(of_projects) == 17
    assert len({prefix[:-1] for prefix in prefixes}) == 1, "what all projects share comes first"
    assert len({id(call.request.completion.schema) for call in _CALLS[kind]}) == 1


@pytest.mark.parametrize("call", [calls[0] for calls in _CALLS.values()])
def test_there_is_one_mark_at_the_end_and_enough_before_it(call: SampleCall) -> None:
    blocks = call.request.completion.system
    assert [block.cache for block in blocks] == [False, True]
    assert sum(count_tokens(block.text) for block in blocks) > _LONGEST_MINIMUM
