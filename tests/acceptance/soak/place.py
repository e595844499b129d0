"""The installation under load: two web processes, workers, beat, and a receiver of webhooks."""

import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import django
from django.core.management import call_command

from batchgen.local import stack
from batchgen.local.child import Running
from batchgen.local.local_dir import free_port
from batchgen.local.terminal import Sink
from tests.acceptance.faults.bed import Ground, Server, servers
from tests.acceptance.faults.nursery import Process, watched

#: Seconds between two looks at what somebody watches; a light load has no use for more.
_LOOK_S = 0.25
#: Of web processes: the first is never ended.
_WEBS = 2
#: Of workers: as the webs.
LASTING, REPLACED = "w1", "w2"


def settings(*, keep_s: int, hook_port: int, exports: Path) -> dict[str, str]:
    """The environment of all processes.

    Args:
        keep_s: how long what is kept for a time is kept.
    """
    return {
        "SOAK_KEEP_S": str(keep_s),
        "DJANGO_SETTINGS_MODULE": "tests.acceptance.soak.settings",
        "ANTHROPIC_API_KEY": "none",
        "ANTHROPIC_BASE_URL": "http://127.0.0.1:9",
        "BATCHGEN_PROVIDER_NAME": "simulator",
        "BATCHGEN_REDIS_PREFIX": "soak:",
        **stack.UNLIMITED,
        "BATCHGEN_PROVIDER_TIMEOUT_S": "5",
        "BATCHGEN_WORKER_CONCURRENCY": "20",
        "BATCHGEN_HEARTBEAT_S": "1",
        "BATCHGEN_RECONCILE_S": "0.5",
        "BATCHGEN_LIVE_INTERVAL_S": str(_LOOK_S),
        "BATCHGEN_BATCH_POLL_S": "2",
        "BATCHGEN_BATCH_POLL_MOST_S": "4",
        "BATCHGEN_BATCH_LOST_S": "30",
        "BATCHGEN_BATCH_SPILL_WAIT_S": "5",
        "BATCHGEN_BATCH_SPILL_MARGIN_S": "10",
        "BATCHGEN_EXPORT_DIR": str(exports),
        "BATCHGEN_WEBHOOK_NETWORKS": "127.0.0.1",
        "BATCHGEN_WEBHOOK_HTTP": "1",
        "BATCHGEN_WEBHOOK_PORTS": str(hook_port),
    }


@dataclass(kw_only=True)
class Place(Ground):
    """All processes, and how those that may be ended are."""

    redis: Server
    simulator: Server
    beat: Server
    webs: list[Server]
    urls: list[str]
    sink: Sink
    keep_s: int

    def new_name(self) -> str:
        """A worker name that was not used yet."""
        self._names += 1
        return f"w{len((LASTING, REPLACED)) + self._names}"

    def pids(self) -> dict[str, int]:
        """Each process that is there, by its name."""
        servers = {"beat": self.beat, "simulator": self.simulator}
        servers |= {f"web {number}": web for number, web in enumerate(self.webs, start=1)}
        found = {name: server.running.process.pid for name, server in servers.items()}
        return found | {f"worker {w.name}": w.process.pid for w in self.workers.values()}

    def _birth(self, name: str, clock_step_s: float) -> Process:
        child = stack.worker(self.environment, "")
        argv = [argument.replace("w1@%h", f"{name}@faults") for argument in child.argv]
        running = Running(replace(child, name=name, argv=argv), self.sink)
        return watched(running)


@contextmanager
def place(*, keep_s: int, hook_port: int, logs: Path) -> Iterator[Place]:
    """Start everything and set Django up; all is gone at the end of the block."""
    exports = logs / "exports"
    exports.mkdir(parents=True, exist_ok=True)
    wanted = settings(keep_s=keep_s, hook_port=hook_port, exports=exports)
    with servers(wanted, logs) as standing, ExitStack() as opened:
        django.setup()
        call_command("migrate", verbosity=0)
        environment, sink = standing.environment, standing.sink
        ports = [free_port() for _ in range(_WEBS)]
        webs = [Server(stack.web(environment, "127.0.0.1", port), sink) for port in ports]
        beat = Server(stack.beat(environment, standing.directory), sink)
        for server in (*webs, beat):
            opened.callback(server.close)
        made = Place(
            environment=environment,
            logs=logs,
            provider=standing.provider,
            redis=standing.redis,
            simulator=standing.simulator,
            beat=beat,
            webs=webs,
            urls=[f"http://127.0.0.1:{port}" for port in ports],
            sink=sink,
            keep_s=keep_s,
        )
        opened.callback(made.close_connections)
        opened.callback(made.end_workers)
        for name in (LASTING, REPLACED):
            made.start_worker(name)
        yield made


def end_gently(server: Server) -> None:
    """Tell a server to stop, and start it again once it has."""
    server.end(signal.SIGTERM)
    server.start_again()
