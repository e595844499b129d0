"""Addresses that fail in every way, and a list with ties; for the tests of this folder alone."""

from collections.abc import Callable
from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path
from redis.exceptions import ConnectionError as RedisAway
from rest_framework import serializers
from rest_framework.exceptions import Throttled
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from batchgen import urls
from batchgen.api.operations import page_response, signed_in
from batchgen.errors import BatchgenError, VersionConflict

ERRORS: dict[str, Callable[[], Exception]] = {
    "database": lambda: OperationalError("server closed the connection; host=10.0.0.1"),
    "interface": lambda: InterfaceError("the connection is closed"),
    "redis": lambda: RedisAway("Error 111 connecting to 10.0.0.1:6379"),
    "bug": lambda: KeyError("a secret of ours"),
    "bare": BatchgenError,
    "conflict": lambda: VersionConflict(version=3),
    "throttled": lambda: Throttled(wait=7.2),
    "missing": Http404,
    "denied": PermissionDenied,
    "suspicious": lambda: SuspiciousOperation("odd"),
}


class Failing(APIView):
    permission_classes: list[Any] = []

    def get(self, request: Request, name: str) -> Response:
        raise ERRORS[name]()


class Echo(APIView):
    def get(self, request: Request) -> Response:
        return Response({"name": signed_in(request).username})

    def post(self, request: Request) -> Response:
        return Response(request.data)


class _UserOutput(serializers.ModelSerializer[User]):
    class Meta:
        model = User
        fields = ("username",)


class Ties(APIView):
    permission_classes: list[Any] = []

    def get(self, request: Request) -> Response:
        keys = ("-last_name", "-id") if "down" in request.query_params else ("last_name", "id")
        return page_response(request, User.objects.all(), keys=keys, serializer=_UserOutput)


def plain(request: HttpRequest, name: str) -> HttpResponse:
    """A view outside of REST framework."""
    raise ERRORS[name]()


urlpatterns = [
    path("api/fail/<name>", Failing.as_view()),
    path("api/plain/<name>", plain),
    path("page/<name>", plain),
    path("api/echo", Echo.as_view()),
    path("api/ties", Ties.as_view()),
    *urls.urlpatterns,
]
handler400 = urls.handler400
handler403 = urls.handler403
handler404 = urls.handler404
handler500 = urls.handler500
