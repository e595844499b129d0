"""Quotes: what a start would cost and take, before anything is spent; and how right they were.

rendering.py    the real prompts of the items, as sizes
past.py         what earlier calls of the kind took; past_batches.py: batches; pure
calls.py        the calls that a run would make, and what they would take; pure
costs.py        what the calls cost: low, expected, high; pure
durations.py    how long the run takes: p50, p90, and what binds it; pure
quoting.py      a quote from all of these
calibration.py  quotes beside the bills of their runs
"""
