"""TOKENS: output tokens of an answer, in whole words as once asked for and as it is asked for now.

The same calls over the real backlogs of the test data, answered by the simulator's writers by
either schema, counted as the simulator bills.
"""

from collections import defaultdict

from benchmarks.bench import Bench
from benchmarks.rows import Rows, Value
from benchmarks.sample_calls import sample_calls
from simulator.protocol.tokens import count_tokens


def run(_bench: Bench) -> Rows:
    """Tokens by kind, means of a call."""
    counts: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for call in sample_calls():
        wordy, short = call.answers()
        counts[call.kind].append((count_tokens(wordy), count_tokens(short)))
    rows = [_row(kind, found) for kind, found in counts.items()]
    return Rows(name="TOKENS", title="output tokens of an answer", rows=rows)


def _row(kind: str, counts: list[tuple[int, int]]) -> dict[str, Value]:
    wordy, short = (sum(column) for column in zip(*counts, strict=True))
    return {
        "kind": kind,
        "calls": len(counts),
        "in words": round(wordy / len(counts)),
        "now": round(short / len(counts)),
        "saved, %": round(100 * (1 - short / wordy), 1),
    }
