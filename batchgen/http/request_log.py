"""One access log line and one latency measurement a request, and a request id for all its lines."""

import logging
import re
import time
from collections.abc import Callable
from uuid import uuid4

from django.http import HttpRequest, HttpResponseBase

from batchgen.http.probes import ROUTES as PROBES
from batchgen.http.request_spans import METHODS, request_span, request_told, route_of
from batchgen.logs import log_bind, log_context
from batchgen.metrics import REQUEST_S
from batchgen.tracing import spans

log = logging.getLogger("batchgen.access")

_HEADER = "X-Request-ID"
_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)


class RequestLogMiddleware:
    """The outermost. A proxy's X-Request-ID is kept; the answer has it too.

    Addresses are logged without their query, which may hold a stream ticket.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        given = request.headers.get(_HEADER, "")
        request_id = given if _ID.fullmatch(given) else uuid4().hex
        began = time.perf_counter()
        with log_context(request=request_id), request_span(request, request_id) as span:
            log_bind(**spans.for_logs())
            response = self._get_response(request)
            _note(request, response.status_code, time.perf_counter() - began)
            request_told(span, request, response.status_code)
        response[_HEADER] = request_id
        return response


def _note(request: HttpRequest, status: int, seconds: float) -> None:
    route = route_of(request)
    method = request.method if request.method in METHODS else "other"
    REQUEST_S.labels(method, route, str(status)).observe(seconds)
    log.log(
        logging.DEBUG if route in PROBES and status < 400 else logging.INFO,
        "%s %s %s in %.0f ms",
        method,
        request.path,
        status,
        seconds * 1000,
        extra={"method": method, "route": route, "status": status, "ms": round(seconds * 1000)},
    )
