"""Content kinds of an app of somebody's own, small as they may be: the contract's proof.

kind.py     a kind that makes calls, its targets' table and its SQL
tallies.py  one that makes none, and has a job run
known.py    both in a test's own process
worker.py   a Celery worker that knows them, as lines in `content.registry` would make it
"""
