"""A worker's port, for what runs it and for Prometheus: /livez, /readyz, and metrics at any other.

Asking costs next to nothing, and reaches this worker whatever the broker does, as Celery's own
`inspect ping` does not: that starts a program of its own, and goes through Redis and back.
"""

import json
import sys
from collections.abc import Callable, Iterable
from typing import Any

from django.conf import settings
from prometheus_client import make_wsgi_app, start_http_server

from batchgen.http.health import check_redis, missing
from batchgen.http.hosts import is_internal_host
from workers import process

#: A WSGI application.
Application = Callable[[dict[str, Any], Any], Iterable[bytes]]
#: Status line and JSON, in the web process's envelope.
Answer = tuple[str, dict[str, Any]]


def serve() -> None:
    """Listen, where the settings name a port; the process ends where it is taken."""
    if not settings.WORKER_METRICS_PORT:
        return
    try:
        server, _ = start_http_server(
            settings.WORKER_METRICS_PORT, addr=settings.WORKER_METRICS_HOST
        )
    except OSError as error:
        sys.exit(
            f"No metrics on {settings.WORKER_METRICS_HOST}:{settings.WORKER_METRICS_PORT}: "
            f"{error.strerror}. Choose another BATCHGEN_WORKER_METRICS_PORT, or 0 for none."
        )
    server.set_app(_application(make_wsgi_app()))


def _application(metrics: Application) -> Application:
    """For whoever asks from inside."""

    def answer(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if not is_internal_host(environ.get("HTTP_HOST", "")):
            start_response("400 Bad Request", [("Content-Type", "text/plain")])
            return [b"This host is not known here.\n"]
        probe = _PROBES.get(environ["PATH_INFO"])
        if probe is None:
            return metrics(environ, start_response)
        status, body = probe()
        start_response(status, [("Content-Type", "application/json")])
        return [json.dumps(body).encode()]

    return answer


def livez() -> Answer:
    """Whether this process does its work, or waits for what it needs; else it is to be started
    again. What is away does not count: a new process would have to wait for it as well."""
    worker = process.started()
    return _told("ok", worker.dead() if worker else [])


def readyz() -> Answer:
    """Whether this worker takes items: not while it starts or stops, nor without its servers."""
    worker = process.started()
    lacking = worker.missing() if worker else ["start"]
    return _told("ready", [*lacking, *missing({"redis": check_redis})])


_PROBES = {"/livez": livez, "/readyz": readyz}


def _told(status: str, absent: list[str]) -> Answer:
    if not absent:
        return "200 OK", {"data": {"status": status}, "error": None}
    error = {
        "code": "UNAVAILABLE",
        "message": f"Missing: {', '.join(absent)}.",
        "details": {"missing": absent},
    }
    return "503 Service Unavailable", {"data": None, "error": error}
