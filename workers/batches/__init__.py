"""Runs whose first requests go by the provider's batches: docs/batches.md.

driver.py    each worker's part: whose turn it is, and what a turn does, again and again
slices.py    a run's next slice: its items' first requests, as many as go together
creating.py  a slice handed in, or refused
polling.py   what the provider says of those that are out; those of unknown outcome are looked for
collecting.py  results, each once, as kept answers
results.py   what each result leads to
writing.py   what became of requests, written down, and what that means for their run
deadlines.py  what goes realtime to end by a deadline (how much: runs/spilling.py), and slices that
             nobody waits for any longer
"""
