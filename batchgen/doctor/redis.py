"""Redis: is it there, and is it one that batchgen can work with?"""

from collections.abc import Iterator

from redis import RedisError

from batchgen import redis
from batchgen.doctor.registry import Finding, check, error, ok

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


def _parts(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2] if part.isdecimal())
