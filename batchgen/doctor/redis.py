"""Doctor checks of Redis: connection, version, TLS, Sentinels, role, memory, persistence."""

import ipaddress
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import psycopg
from redis.exceptions import AuthenticationError, AuthorizationError, NoPermissionError, RedisError

from batchgen.doctor.registry import Finding, NotChecked, check, error, ok, warning
from batchgen.redis import client as redis

_LEAST_VERSION = (6, 2)
#: Of its limit, from where on a server is called nearly full.
_NEARLY_FULL = 0.9
#: A majority of fewer than three is lost with one of them.
_LEAST_SENTINELS = 3
Info = dict[str, Any]


def info(section: str) -> Info:
    """A section of INFO, for checks that have nothing to say of a server that is away.

    Raises:
        NotChecked: it is, or does not tell.
    """
    try:
        told: Info = redis.client().info(section)
    except NoPermissionError as failure:
        raise NotChecked("this user may not ask INFO.") from failure
    except RedisError as failure:
        raise NotChecked("Redis does not answer.") from failure
    return told


@check("redis")
def redis_server() -> Iterator[Finding]:
    """It answers, and is new enough."""
    try:
        redis.client().ping()
    except RedisError as failure:
        yield _unreachable(failure)
        return
    told = info("server")
    version = str(told.get("redis_version", ""))
    shown = f"Valkey {told['valkey_version']}" if "valkey_version" in told else f"Redis {version}"
    if _parts(version) < _LEAST_VERSION:
        yield error("REDIS_VERSION", f"This is {shown}.", "Use Redis 6.2 or newer.")
    else:
        yield ok("REDIS_VERSION", f"{shown} answers at {redis.address()}.")


def _unreachable(failure: RedisError) -> Finding:
    words = str(failure)
    if isinstance(failure, (AuthenticationError, AuthorizationError)):
        return error(
            "REDIS_REFUSED",
            f"Redis lets us not in: {words}",
            "Check user and password of REDIS_URL; special characters are percent-encoded.",
        )
    if "certificate" in words.lower() or "ssl" in words.lower():
        return error(
            "REDIS_TLS",
            f"TLS to Redis fails: {words}",
            "Name the authority in REDIS_URL (ssl_ca_certs), ask for the host that the certificate "
            "is for, and begin with rediss:// only where the server speaks TLS at this port.",
        )
    return error(
        "REDIS_UNREACHABLE",
        f"Redis does not answer: {words}",
        "Check REDIS_URL (rediss:// where the server speaks TLS, and only there), and that the "
        "server is up and lets this host in.",
    )


@check("redis")
def redis_transport() -> Iterator[Finding]:
    """Nobody on the way there listens."""
    to = redis.address()
    far = [host for host, _ in to.hosts if not _is_near(host)]
    if to.tls is None and far:
        yield warning(
            "REDIS_PLAIN",
            f"The password and all messages go to {', '.join(far)} in clear text.",
            "Begin REDIS_URL with rediss://, where the server speaks TLS.",
        )
    elif to.tls is not None and not (to.tls.verify and to.tls.check_hostname):
        yield warning(
            "REDIS_TLS_UNVERIFIED",
            "Whoever stands between us and Redis may pass for it: its certificate is not checked.",
            "Name its authority in ssl_ca_certs, and leave out ssl_cert_reqs and "
            "ssl_check_hostname.",
        )
    else:
        yield ok("REDIS_WAY", "Redis is near." if to.tls is None else "Redis speaks TLS.")


def _is_near(host: str) -> bool:
    """A name without dots, as of a container, or an address that no internet knows."""
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return "." not in host


@check("redis")
def redis_sentinels() -> Iterator[Finding]:
    """All of them answer, and there are enough."""
    to = redis.address()
    if not to.service:
        return
    pool: Any = redis.connection_pool(to, socket_timeout=5, socket_connect_timeout=2)
    with closing(pool.sentinel_manager) as manager:
        asked = zip(to.hosts, manager.sentinels, strict=True)
        down = [f"{host}:{port}" for (host, port), each in asked if not _answers(each.ping)]
    if down:
        yield warning(
            "REDIS_SENTINELS_DOWN",
            f"Sentinels that do not answer: {', '.join(down)}.",
            "Start them, or name in REDIS_URL those that there are.",
        )
    elif len(to.hosts) < _LEAST_SENTINELS:
        yield warning(
            "REDIS_SENTINELS_FEW",
            f"REDIS_URL names {len(to.hosts)} Sentinels: with one of them a failover may be lost.",
            "Run three or more, on hosts of their own, and name them all.",
        )
    else:
        yield ok("REDIS_SENTINELS", f"{len(to.hosts)} Sentinels answer.")


def _answers(ask: Callable[[], object]) -> bool:
    try:
        ask()
    except RedisError:
        return False
    return True


@check("redis")
def redis_role() -> Iterator[Finding]:
    """It is a server by itself, or the master of others."""
    if info("cluster").get("cluster_enabled"):
        yield error(
            "REDIS_CLUSTER", "This is a Redis Cluster.", "Use one server, or one with Sentinels."
        )
    elif info("replication").get("role") != "master":
        yield error(
            "REDIS_REPLICA",
            "This Redis is a replica and takes no writes.",
            "Name the master in REDIS_URL, or the Sentinels that know it.",
        )


@check("redis")
def redis_memory() -> Iterator[Finding]:
    """It drops nothing when it is full, and is not full."""
    told = info("memory")
    policy, most = str(told.get("maxmemory_policy")), int(told.get("maxmemory", 0))
    if most and policy != "noeviction":
        yield warning(
            "REDIS_EVICTS",
            f"When Redis is full it drops keys ({policy}): messages, limits and streams vanish.",
            "Set maxmemory-policy noeviction.",
        )
    elif most and int(told.get("used_memory", 0)) > _NEARLY_FULL * most:
        yield warning(
            "REDIS_NEARLY_FULL",
            f"Redis uses over {_NEARLY_FULL:.0%} of its maxmemory. Lanes wait when it is full.",
            "Raise maxmemory, or see what else is kept there.",
        )
    else:
        yield ok("REDIS_MEMORY", "Redis drops nothing to make room.")


@check("redis")
def redis_persistence() -> Iterator[Finding]:
    """What it keeps is kept; nothing has to be."""
    told = info("persistence")
    written = ("rdb_last_bgsave_status", "aof_last_write_status")
    failed = [name for name in written if told.get(name, "ok") != "ok"]
    if failed:
        yield error(
            "REDIS_DISK",
            f"Redis could not write its file ({', '.join(failed)}), and may take no writes.",
            "Look at its log, and at the space on its disk.",
        )
    elif told.get("aof_enabled"):
        yield ok("REDIS_PERSISTENCE", "Redis keeps an append-only file.")
    else:
        yield ok(
            "REDIS_PERSISTENCE",
            "Redis keeps no append-only file: after its restart, what waited is sent again. That "
            "takes seconds, and loses nothing.",
        )


@check("redis")
def redis_prefix() -> Iterator[Finding]:
    """No other installation has our keys."""
    try:
        redis.check_prefix()
    except redis.ForeignInstallation as foreign:
        yield error("REDIS_PREFIX", foreign.message, foreign.todo)
    except psycopg.Error as failure:
        raise NotChecked("PostgreSQL, which has the installation's id, is away.") from failure
    except RedisError as failure:
        raise NotChecked("Redis does not answer.") from failure
    else:
        yield ok("REDIS_PREFIX", f"Our keys begin with {redis.prefix()}.")


def _parts(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2] if part.isdecimal())
