"""Web processes on the test's database."""

from collections.abc import Iterator
from contextlib import contextmanager

from batchgen.local import stack
from batchgen.local.child import Running
from batchgen.local.supervisor import Supervisor
from batchgen.local.terminal import Sink
from tests.acceptance.fleet import database_url


@contextmanager
def serving(port: int, sink: Sink) -> Iterator[Running]:
    """One, until the end of the block."""
    environment = {**stack.base_environment(), "DATABASE_URL": database_url()}
    with Supervisor(sink, signals=False) as supervisor:
        yield supervisor.start(stack.web(environment, "127.0.0.1", port))
