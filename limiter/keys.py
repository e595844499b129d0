"""The keys of a gate in Redis; lua/keys.lua says what stands in each."""

from batchgen.redis import client as redis

_PARTS = ("state", "processes", "leases")
#: Nobody closes a gate for longer; what is stored beyond that is no closing.
CLOSED_MOST_S = 31 * 86_400.0


def gate_keys(name: str) -> list[str]:
    """The gate's keys, all in one slot of a Redis cluster.

    Raises:
        psycopg.Error: as `batchgen.redis.client.prefix`.
    """
    return [redis.key(f"gate:{{{name}}}:{part}") for part in _PARTS]
