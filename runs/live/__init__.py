"""Live events: what happens to a run, told to whoever watches it.

PostgreSQL is what the events are made of (`changes`), a Redis Stream per run is where they get
their ids and wait for those who come back (`stream`), one thread per web process follows the runs
that somebody watches (`follower`), and clients are served outside of Django (`asgi`).
"""
