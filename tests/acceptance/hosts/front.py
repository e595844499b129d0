"""Web on several hosts behind one nginx with TLS."""

import re
import signal
import ssl
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import httpx2

from batchgen.local.child import Child, answers
from batchgen.local.local_dir import ROOT
from batchgen.local.terminal import Sink
from tests import nginx
from tests.acceptance.faults.bed import wait_for
from tests.acceptance.hosts.network import Host
from tests.acceptance.hosts.service import Service
from tests.certificates import certificates

_PORT, _TLS_PORT = 8000, 443
#: A client's patience in seconds; nobody's answer takes so long where nothing hangs.
PATIENCE_S = 15.0
_STATUS = re.compile(r'" (\d{3}) ')


class Front:
    """The web processes and the proxy in front of them."""

    def __init__(
        self,
        edge: Host,
        hosts: Sequence[Host],
        environment: Mapping[str, str],
        directory: Path,
        sink: Sink,
    ) -> None:
        """Start them."""
        self._edge, self._home, self._hosts = edge, directory / "nginx", list(hosts)
        self._home.mkdir()
        self._certificates = certificates(self._home, host=edge.address)
        self._trusted = ssl.create_default_context(cafile=self._certificates.ca)
        self._environment = {
            **environment,
            "BATCHGEN_TRUSTED_PROXIES": edge.address,
            "BATCHGEN_ALLOWED_HOSTS": edge.address,
        }
        self._web = {host: Service(host, self._child(host), sink) for host in hosts}
        self._proxy = Service(edge, self._nginx(), sink)

    @property
    def hosts(self) -> list[Host]:
        """Those of web."""
        return self._hosts

    def client(self) -> httpx2.Client:
        """Somebody outside, who trusts the authority that made the proxy's certificate."""
        url = f"https://{self._edge.address}"
        return httpx2.Client(
            base_url=url, verify=self._trusted, timeout=PATIENCE_S, trust_env=False
        )

    def upgrade(self, host: Host) -> None:
        """Restart a web process as docs/proxies.md says, so that nobody is refused."""
        self._point(without=host)
        self._web[host].end(signal.SIGTERM)
        self._web[host].start_again()
        self.await_ready(host)
        self._point()

    def await_ready(self, host: Host) -> None:
        """Wait until it answers `/readyz`, which asks PostgreSQL and Redis."""
        url = f"http://{host.address}:{_PORT}/readyz"
        with httpx2.Client(trust_env=False, timeout=5) as client:

            def is_ready() -> bool:
                try:
                    return client.get(url).status_code == 200
                except httpx2.TransportError:
                    return False

            wait_for(is_ready, f"{host.name} is ready", timeout_s=60)

    def refused(self) -> int:
        """Answers of the proxy since its start that were its own failure, or web's."""
        log = self._home / "access.log"
        statuses = (int(found[1]) for line in log.open() if (found := _STATUS.search(line)))
        return sum(status >= 500 for status in statuses)

    def close(self) -> None:
        """Stop them."""
        for service in (self._proxy, *self._web.values()):
            service.close()

    def _child(self, host: Host) -> Child:
        address = f"http://{host.address}:{_PORT}"
        argv = [sys.executable, "-m", "batchgen.web", "--host", host.address, "--port", str(_PORT)]
        ready = answers(f"{address}/healthz")
        return Child(name=host.name, argv=argv, env=self._environment, cwd=ROOT, ready=ready)

    def _nginx(self) -> Child:
        log = str(self._home / "access.log")
        return nginx.nginx(
            self._home,
            self._server(),
            address=self._edge.address,
            port=_TLS_PORT,
            access_log=log,
        )

    def _point(self, *, without: Host | None = None) -> None:
        nginx.write(self._home, self._server(without), access_log=str(self._home / "access.log"))
        self._proxy.send(signal.SIGHUP)
        time.sleep(0.3)  # nginx says of no reload when it is done

    def _server(self, without: Host | None = None) -> str:
        [text] = nginx.documented("Several web hosts")
        hosts = iter(self._hosts)

        def line(found: "re.Match[str]") -> str:
            host = next(hosts)
            return f"server {host.address}:{_PORT}{found[1]}{' down' if host == without else ''};"

        text = re.sub(r"server 10\.0\.0\.\d+:8000(.*);", line, text)
        text = re.sub(r"/etc/ssl/app\S+(?=;)", str(self._certificates.server), text)
        return text.replace("listen 443", f"listen {self._edge.address}:{_TLS_PORT}")
