"""PostgreSQL as batchgen needs it: Django's backend with a session that nobody else's defaults
change, directly or through a transaction pooler.

`url` reads DATABASE_URL, `session` says what every connection relies on, `base` is the backend
that Django is given, `pooled` what replaces a session behind a pooler, `compatibility` which
servers are refused at the start.
"""
