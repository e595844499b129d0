"""A process on a host, which is ended and started again."""

from batchgen.local.child import Child, Running
from batchgen.local.terminal import Sink
from tests.acceptance.faults.bed import Server
from tests.acceptance.hosts.network import Host


class Service(Server):
    """A server on a host."""

    def __init__(self, host: Host, child: Child, sink: Sink) -> None:
        self._host = host
        super().__init__(child, sink)

    def _start(self) -> Running:
        with self._host.entered():
            return super()._start()
