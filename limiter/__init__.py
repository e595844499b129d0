"""The limiter: as fast as the provider allows, never faster, and in whose turn.

values.py        a permit's way: request, reservation, settlement; report and grants
permit_queue.py  where a process's coroutines wait for permits
pending.py       what one process has to say to its gate (pure)
gate.py, lua/    the one script in Redis that decides for all workers
status.py        a gate for readers, and its closing by hand
keys.py          a gate's keys
"""
