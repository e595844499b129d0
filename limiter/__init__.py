"""The limiter: as fast as the provider allows, never faster, and in whose turn.

`gate` asks the one script in Redis that decides for all workers; `lineup` is what one process
has to say to it (pure); `desk` lets threads wait in line.
"""
