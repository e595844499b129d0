"""Doctor checks of the Redis user: what batchgen needs is allowed, and nothing dangerous is."""

from collections.abc import Iterator
from typing import Any, cast
from uuid import uuid4

from redis.exceptions import NoPermissionError, RedisError, ResponseError

from batchgen.doctor.registry import Finding, NotChecked, check, error, ok, warning
from batchgen.redis import client as redis
from batchgen.redis.rights import RIGHTS


@check("redis")
def redis_rights() -> Iterator[Finding]:
    """We may do there what the program does."""
    refused, client = [], cast("Any", redis.client())
    if not _subscribes(client):
        refused.append("PSUBSCRIBE")
    for name, arguments in _used(redis.key(f"doctor:{uuid4()}")):
        try:
            client.execute_command(name, *arguments)
        except NoPermissionError:
            refused.append(name)
        except RedisError as failure:
            raise NotChecked(f"{name} fails: {failure}") from failure
    if not refused:
        yield ok("REDIS_RIGHTS", "This user may do what batchgen does.")
        return
    prefix = redis.prefix()
    yield error(
        "REDIS_RIGHTS",
        f"This user may not call, or not for our keys: {', '.join(dict.fromkeys(refused))}.",
        f"Give it ~{prefix}* allchannels {RIGHTS}, as docs/redis.md does.",
    )


def _subscribes(client: Any) -> bool:
    """Whether it may, as workers do: patterns need a rule that is theirs to the letter, or all."""
    with client.pubsub() as subscription:
        try:
            subscription.psubscribe(redis.key("doctor"))
            return subscription.get_message(timeout=5) is not None
        except NoPermissionError:
            return False
        except RedisError as failure:
            raise NotChecked(f"PSUBSCRIBE fails: {failure}") from failure


def _used(key: str) -> list[tuple[str, tuple[object, ...]]]:
    """One command of each kind that the program calls; what they leave is gone after a minute."""
    script = "redis.call('TIME') return redis.call('PEXPIRE', KEYS[1], 60000)"
    return [
        ("LPUSH", (f"{key}:list", "1")),
        ("BRPOP", (f"{key}:list", 1)),
        ("LLEN", (f"{key}:list",)),
        ("SADD", (f"{key}:set", "1")),
        ("SMEMBERS", (f"{key}:set",)),
        ("EVAL", (script, 1, f"{key}:set")),
        ("SCRIPT LOAD", (script,)),
        ("SET", (key, "1", "EX", 60)),
        ("INCR", (key,)),
        ("EXPIRE", (key, 60)),
        ("GETDEL", (key,)),
        ("HSET", (f"{key}:hash", "a", "1")),
        ("HGETALL", (f"{key}:hash",)),
        ("ZADD", (f"{key}:zset", 1, "a")),
        ("XADD", (f"{key}:stream", "*", "a", "1")),
        ("XREVRANGE", (f"{key}:stream", "+", "-")),
        ("PUBLISH", (f"{key}:channel", "1")),
        ("DEL", tuple(f"{key}:{part}" for part in ("list", "set", "hash", "zset", "stream"))),
    ]


@check("redis")
def redis_danger() -> Iterator[Finding]:
    """Who can write there cannot write files or load code on its host."""
    try:
        redis.client().config_get("maxmemory")
    except ResponseError:  # no right to it, or a service that has no such command
        yield ok("REDIS_DANGEROUS", "The user of REDIS_URL may not configure the server.")
    except RedisError:
        return  # said above
    else:
        yield warning(
            "REDIS_DANGEROUS",
            "The user of REDIS_URL may configure the server: whoever learns its password can "
            "write files on its host.",
            "Give batchgen a user without dangerous commands by ACL; docs/redis.md has one.",
        )
