"""Redis: is it there, and is it one that batchgen can work with?"""

from collections.abc import Iterator

from redis import RedisError, ResponseError

from batchgen import redis
from batchgen.doctor.registry import Finding, check, error, ok, warning

_LEAST_VERSION = (6, 2)


@check("redis")
def redis_server() -> Iterator[Finding]:
    """It answers, and is new enough."""
    try:
        info = redis.client().info("server")
    except RedisError as failure:
        yield error(
            "REDIS_UNREACHABLE",
            f"Redis does not answer: {failure}",
            "Check REDIS_URL, and that the server is up and lets this host in.",
        )
        return
    version = str(info.get("redis_version", ""))
    if _parts(version) < _LEAST_VERSION:
        yield error("REDIS_VERSION", f"This is Redis {version}.", "Use Redis 6.2 or newer.")
    else:
        yield ok("REDIS_VERSION", f"Redis {version} answers.")


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


def _parts(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2] if part.isdecimal())
