"""The simulator's server loop."""

import asyncio
import gc
import signal

import uvloop

from simulator.batches.batches import Batches
from simulator.endpoints.routes import App
from simulator.http.connection import Connection
from simulator.state.provider import Provider

BACKLOG = 2048
"""Clients open hundreds of connections at the same moment."""
GC_THRESHOLD = 100_000
"""Nothing here makes reference cycles in numbers, so the collector need not look often."""


def run(provider: Provider, *, host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT, then drop all connections and return.

    Raises:
        OSError: the address is not free.
    """
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(provider, host, port))


async def _serve(provider: Provider, host: str, port: int) -> None:
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    batches = Batches(provider)
    work = asyncio.create_task(batches.work())
    work.add_done_callback(lambda _: stopped.set())
    app = App(provider, batches)
    connections: set[Connection] = set()
    server = await loop.create_server(
        lambda: Connection(app, connections), host, port, backlog=BACKLOG
    )
    bound = server.sockets[0].getsockname()[1]
    print(f"simulator listening on http://{_shown_host(host)}:{bound}", flush=True)  # noqa: T201  # the promised line
    await stopped.wait()
    server.close()
    for connection in list(connections):
        connection.transport.abort()
    if work.done():
        work.result()
    work.cancel()


def _shown_host(host: str) -> str:
    return f"[{host}]" if ":" in host else host
