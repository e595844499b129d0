"""The local stack's processes: servers, web, workers, beat, Flower, in one environment."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from batchgen import env
from batchgen.local.child import Child, ChildFailedError, Running, answers, logged
from batchgen.local.local_dir import ROOT
from batchgen.local.postgres import Postgres
from batchgen.local.redis import Redis
from batchgen.local.supervisor import Supervisor

Environment = dict[str, str]

#: So that a run can be watched: about what a quick model needs for a short answer.
_SIMULATOR_LATENCY_MS = 400
_LOOPBACK = "127.0.0.1,localhost,::1"
_URL = r"http://127\.0\.0\.1:\d+"
#: What must not be seen, and who needs it; what nobody is named for, no child gets. The limiter's
#: gates are named after the provider's key, so whatever shows or waits for them needs it.
_SECRETS: dict[str, frozenset[str]] = {
    # Workers sign what goes to webhooks by it.
    "BATCHGEN_SECRET_KEY": frozenset({"web", "worker"}),
    "DATABASE_URL": frozenset({"web", "worker", "beat", "manage"}),
    "REDIS_URL": frozenset({"web", "worker", "beat", "manage", "flower"}),
    "ANTHROPIC_API_KEY": frozenset({"web", "worker", "manage"}),
    "ANTHROPIC_ADMIN_KEY": frozenset({"manage"}),
    "BATCHGEN_METRICS_TOKEN": frozenset({"web"}),
    # Of the storage that BATCHGEN_EXPORT_S3_URL names.
    "AWS_SECRET_ACCESS_KEY": frozenset({"web", "worker", "manage"}),
    "AWS_SESSION_TOKEN": frozenset({"web", "worker", "manage"}),
    "BATCHGEN_PASSWORD": frozenset({"ensure_superuser"}),
    "FLOWER_BASIC_AUTH": frozenset({"flower"}),
    "BATCHGEN_MCP_TOKEN": frozenset(),
}
#: What the settings of production ask of every program, also where it has no use for it.
_UNUSED = {
    "BATCHGEN_SECRET_KEY": "this-program-signs-nothing-and-so-was-given-no-secret-key",
    "DATABASE_URL": "postgresql://nobody@127.0.0.1:9/nothing",
    "ANTHROPIC_API_KEY": "unused",
}


#: What `up` makes for its children, and others need to work beside them.
MADE = (
    *("DATABASE_URL", "REDIS_URL"),
    *("ANTHROPIC_BASE_URL", "ANTHROPIC_API_KEY", "BATCHGEN_PROVIDER_NAME"),
)


def base_environment() -> Environment:
    """Ours, with what secrets' files hold in the secrets' own variables.

    And without a proxy on the way to 127.0.0.1: HTTP clients would ask one even for that.
    """
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    for name in ("NO_PROXY", "no_proxy"):
        environment[name] = _without_proxy(environment.get(name, ""))
    for name in env.SECRETS:
        if environment.pop(f"{name}_FILE", None):
            environment[name] = env.secret(name)
    for name in ("DATABASE", "REDIS"):
        if password := environment.pop(f"{name}_PASSWORD", ""):
            environment[f"{name}_URL"] = env.url(f"{name}_URL", password=password)
    return environment


def _for(environment: Environment, *roles: str) -> Environment:
    """The environment with those secrets that one of the roles needs."""
    spared = {name for name, needed_by in _SECRETS.items() if needed_by.isdisjoint(roles)}
    kept = {name: value for name, value in environment.items() if name not in spared}
    return kept | {name: value for name, value in _UNUSED.items() if name in spared}


#: For tests and benchmarks of everything but the limiter.
UNLIMITED = {
    f"BATCHGEN_LIMIT_{dimension}_PER_MINUTE": "0"
    for dimension in ("REQUESTS", "INPUT_TOKENS", "OUTPUT_TOKENS")
}


@contextmanager
def servers(
    supervisor: Supervisor,
    directory: Path,
    environment: Environment,
    *,
    durable: bool,
    all_rights: bool = False,
) -> Iterator[None]:
    """PostgreSQL and Redis with their data in `directory`; where a URL is set, that one is used.

    For `durable` and `all_rights` see Redis.

    The environment gets the URLs. Leave the context after the supervisor has stopped.
    """
    postgres = None
    try:
        if not environment.get("DATABASE_URL"):
            postgres = Postgres(directory / "postgres", durable=durable)
            environment["DATABASE_URL"] = postgres.url
            supervisor.start(postgres.child())
        if not environment.get("REDIS_URL"):
            redis = Redis(directory / "redis", durable=durable, all_rights=all_rights)
            environment["REDIS_URL"] = redis.url
            supervisor.start(redis.child())
        yield
    finally:
        supervisor.stop()
        if postgres is not None:
            postgres.forget()


def wants_simulator(environment: Environment) -> bool:
    """No key, and nobody else named to ask."""
    return not environment.get("ANTHROPIC_API_KEY") and not environment.get("ANTHROPIC_BASE_URL")


def start_simulator(supervisor: Supervisor, environment: Environment) -> None:
    """Start the provider simulator and point the environment at it."""
    running = supervisor.start(simulator(environment, latency_ms=_SIMULATOR_LATENCY_MS))
    environment["ANTHROPIC_BASE_URL"] = simulator_url(running)
    environment["ANTHROPIC_API_KEY"] = "simulator"
    environment["BATCHGEN_PROVIDER_NAME"] = "simulator"


def simulator(environment: Environment, *, latency_ms: int) -> Child:
    """The simulator on a free port, which its first lines tell."""
    latency = ("--latency-ms", str(latency_ms))
    argv = [sys.executable, "-m", "simulator", "--port", "0", *latency]
    return Child(name="simulator", argv=argv, env=_for(environment), cwd=ROOT, ready=logged(_URL))


def simulator_url(running: Running) -> str:
    """Where a ready simulator listens.

    Raises:
        ChildFailedError: its lines do not tell.
    """
    url = running.find(_URL)
    if url is None:
        raise ChildFailedError(running, "did not tell its address")
    return url


def manage(environment: Environment, *arguments: str, attached: bool = False) -> Child:
    """One of Django's commands."""
    argv = [sys.executable, "manage.py", *arguments]
    child_environment = _for(environment, "manage", arguments[0])
    return Child(name=arguments[0], argv=argv, env=child_environment, cwd=ROOT, attached=attached)


def web(environment: Environment, host: str, port: int) -> Child:
    """The API and the pages. Told to stop, it ends its event streams, and other answers in 2 s."""
    return Child(
        name="web",
        argv=[sys.executable, "-m", "batchgen.web", "--host", host, "--port", str(port)],
        env=_for(environment, "web"),
        cwd=ROOT,
        ready=answers(f"{address(host, port)}/healthz"),
        restarts=True,
    )


def worker(environment: Environment, web_address: str) -> Child:
    """One worker. Asked to stop, it finishes the provider calls that have begun."""
    concurrency = env.integer("BATCHGEN_WORKER_CONCURRENCY", 20, least=1, most=10_000)
    stop_s = env.number("BATCHGEN_STOP_GRACE_S", 300, least=0, most=3600)
    pool = ("-P", "threads", "-c", str(concurrency), "-n", "w1@%h")
    return Child(
        name="worker",
        argv=[*_celery("worker"), *pool, "--without-gossip", "--without-mingle"],
        env=_for(environment, "worker"),
        cwd=ROOT,
        ready=answers(f"{web_address}/readyz"),
        grace_s=stop_s + 30,
        restarts=True,
    )


def beat(environment: Environment, directory: Path) -> Child:
    """The scheduler. No pid file: the supervisor knows its children."""
    argv = [*_celery("beat"), "-s", str(directory / "beat-schedule"), "--pidfile="]
    return Child(name="beat", argv=argv, env=_for(environment, "beat"), cwd=ROOT, restarts=True)


def flower(environment: Environment, port: int) -> Child:
    """The operators' view of the queue, behind FLOWER_BASIC_AUTH.

    It gets the prefix of the keys in Redis, which it would otherwise ask the database for. It asks
    the workers for news of their tasks, every few seconds while it is up. Without it they have none
    to send, which spares an epic a sixth of the worker's time.
    """
    argv = [*_celery("flower"), "--address=127.0.0.1", f"--port={port}"]
    ready = answers(f"http://127.0.0.1:{port}/healthcheck")
    own = _for(environment, "flower")
    own["BATCHGEN_REDIS_PREFIX"] = own.get("BATCHGEN_REDIS_PREFIX") or _redis_prefix(environment)
    return Child(name="flower", argv=argv, env=own, cwd=ROOT, ready=ready, restarts=True)


def _redis_prefix(environment: Environment) -> str:
    """As batchgen.redis.client makes it, once the web process has started."""
    with psycopg.connect(environment["DATABASE_URL"]) as connection:
        row = connection.execute("SELECT id FROM batchgen_installation").fetchone()
    return f"batchgen:{row[0]}:" if row else ""


def address(host: str, port: int) -> str:
    """Where a browser on this machine finds what listens there."""
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - only compared
    return f"http://[{reachable}]:{port}" if ":" in reachable else f"http://{reachable}:{port}"


def _celery(command: str) -> list[str]:
    return [sys.executable, "-m", "celery", "-A", "batchgen", command]


def _without_proxy(names: str) -> str:
    return f"{names},{_LOOPBACK}" if names else _LOOPBACK
