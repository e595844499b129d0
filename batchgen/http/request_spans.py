"""The span of a request: the first of its trace, or below the one that its traceparent names."""

from contextlib import AbstractContextManager

from django.conf import settings
from django.http import HttpRequest

from batchgen.http.probes import is_probe
from batchgen.tracing import names, spans
from batchgen.tracing.values import Span

METHODS = {"GET", "HEAD", "POST", "PATCH", "PUT", "DELETE", "OPTIONS"}


def request_span(request: HttpRequest, request_id: str) -> AbstractContextManager[Span]:
    """The block answers the request. Probes and static files are none of anybody's traces."""
    if not spans.are_made() or is_probe(request) or request.path.startswith(settings.STATIC_URL):
        return spans.NO_SPAN
    return spans.span(
        method_of(request),
        kind="server",
        parent=spans.place_of(request.headers.get("traceparent", "")),
        attributes={
            names.HTTP_METHOD: method_of(request),
            names.URL_PATH: request.path,
            names.URL_SCHEME: request.scheme or "http",
            names.REQUEST_ID: request_id,
        },
    )


def request_told(span: Span, request: HttpRequest, status: int) -> None:
    """How it was answered; to refuse a client is no error of ours."""
    if not spans.are_made():
        return
    route = route_of(request)
    span.rename(f"{method_of(request)} {route}")
    span.set({names.HTTP_ROUTE: route, names.HTTP_STATUS: status})
    if status >= 500:
        span.fail(str(status))


def route_of(request: HttpRequest) -> str:
    """The pattern that its address matched: never the address itself, which may have ids."""
    return request.resolver_match.route if request.resolver_match else "none"


def method_of(request: HttpRequest) -> str:
    """Of the known ones; OpenTelemetry's word for the others."""
    return request.method if request.method in METHODS else "_OTHER"
