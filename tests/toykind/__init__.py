"""A content kind of an app of somebody's own, small as it may be: the contract's proof.

kind.py    the kind, its targets' table and its SQL
worker.py  a Celery worker that knows it, as a line in `content.registry` would make it
"""
