"""The keys of a gate in Redis; gate.lua says what stands in each."""

from batchgen.redis import client as redis

_PARTS = (
    *("gate", "lines", "alive", "wants", "waited", "unaged", "warm", "warming"),
    # Those of the queues of users and of their runs begin with it.
    "queue",
)
#: Nobody closes a gate for longer; what is stored beyond that is no closing.
CLOSED_MOST_S = 31 * 86_400.0


def gate_keys(name: str) -> list[str]:
    """The gate's keys, all in one slot of a Redis cluster.

    Raises:
        psycopg.Error: as `batchgen.redis.client.prefix`.
    """
    return [redis.key(f"limit:{{{name}}}:{part}") for part in _PARTS]
