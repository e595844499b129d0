"""`manage.py doctor`: what is wrong with a deployment, and what to do about it.

`registry` says how a check is written; every module imported here holds those of one group.
"""

from batchgen.doctor import database, redis, redis_rights, schema, settings

__all__ = ["database", "redis", "redis_rights", "schema", "settings"]
