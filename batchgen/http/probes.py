"""Probes by IP address: /healthz, /readyz and /metrics skip the checks of Host and TLS."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase
from django.urls import resolve

#: Their routes, which are asked again and again, all day long.
ROUTES = frozenset({"healthz", "readyz", "metrics"})


def is_probe(request: HttpRequest) -> bool:
    """Whether what runs the process asks."""
    return request.path_info.removeprefix("/") in ROUTES


class ProbesMiddleware:
    """Answers them before hosts, TLS, sessions and throttles are looked at: a probe knows a
    process by its pod's address or as `web:8000`, and comes without TLS."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not is_probe(request):
            return self._get_response(request)
        match = request.resolver_match = resolve(request.path_info)
        answer: HttpResponseBase = match.func(request)
        return answer
