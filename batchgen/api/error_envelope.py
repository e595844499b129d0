"""Exception handler: any error becomes the contract's envelope; internals go to the log only."""

import logging
import re
import sys
from itertools import islice
from typing import Any
from uuid import uuid4

from django.core.exceptions import (
    DisallowedHost,
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
)
from django.core.exceptions import ValidationError as ModelInvalid
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.template.loader import get_template
from django.urls import is_valid_path
from django.views import defaults
from kombu.exceptions import OperationalError as BrokerAway
from psycopg import OperationalError as EngineDatabaseAway
from redis.exceptions import ConnectionError as RedisAway
from redis.exceptions import TimeoutError as RedisSilent
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

from batchgen.api.inputs import AND_MORE
from batchgen.api.strict_json import path_text
from batchgen.errors import (
    MAX_PROBLEMS,
    BatchgenError,
    Forbidden,
    HostNotAllowed,
    NotFound,
    PayloadTooLarge,
    Throttled,
    Unavailable,
    ValidationFailed,
)

log = logging.getLogger(__name__)

#: When to ask again after a 503: about what a database or Redis needs for a restart.
RETRY_AFTER_S = 2
#: Of what is wrong with one field.
_MESSAGE_CHARS = 300
_NOT_VALID = "The request is not valid HTTP for this server."
_NOT_OF_A_HOST = re.compile(r"[^A-Za-z0-9.:_\[\]-]", re.ASCII)
_AWAY = (
    OperationalError,
    InterfaceError,
    EngineDatabaseAway,
    RedisAway,
    RedisSilent,
    BrokerAway,
)
_CODES = {
    400: "VALIDATION_ERROR",
    401: "UNAUTHORIZED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    406: "NOT_ACCEPTABLE",
    413: "PAYLOAD_TOO_LARGE",
    415: "UNSUPPORTED_MEDIA_TYPE",
    429: "THROTTLED",
    503: "UNAVAILABLE",
}


class Failure:
    """An error as the client sees it."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        details: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        self.status = status
        self.headers = headers or {}
        self.body: dict[str, Any] = {
            "data": None,
            "error": {"code": code, "message": message, "details": details or {}},
        }

    def response(self) -> JsonResponse:
        """For Django's own handlers, outside of REST framework."""
        return JsonResponse(self.body, status=self.status, headers=self.headers)


def failure_of(error: BaseException) -> Failure:
    """What to tell the client. An error that is our own fault is logged, with the id it tells."""
    if isinstance(error, Http404):
        error = NotFound()
    elif isinstance(error, PermissionDenied):
        error = Forbidden()
    elif isinstance(error, RequestDataTooBig):
        error = PayloadTooLarge()
    elif isinstance(error, SuspiciousOperation):  # too many parameters, for one
        error = ValidationFailed(_NOT_VALID)
    elif isinstance(error, ModelInvalid):
        error = ValidationFailed("The input is not valid.", nonFieldErrors=error.messages)
    elif isinstance(error, _AWAY):
        log.warning("answered 503: %s: %s", type(error).__name__, error)
        error = Unavailable()
    if isinstance(error, BatchgenError):
        return Failure(
            error.http_status, error.code, error.message, error.details, _retry_after(error)
        )
    if isinstance(error, exceptions.APIException):
        return _framework_failure(error)
    return _internal_failure(error)


def exception_handler(error: Exception, context: dict[str, Any]) -> Response:
    """REST framework's EXCEPTION_HANDLER."""
    failure = failure_of(error)
    set_rollback()
    return Response(failure.body, status=failure.status, headers=failure.headers)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """handler400."""
    if isinstance(exception, DisallowedHost):
        return _host_refused(request)
    if _is_page(request):
        return defaults.bad_request(request, exception)
    if isinstance(exception, RequestDataTooBig):
        return failure_of(exception).response()
    return failure_of(ValidationFailed(_NOT_VALID)).response()


def _host_refused(request: HttpRequest) -> HttpResponse:
    host = _NOT_OF_A_HOST.sub("?", request.META.get("HTTP_HOST", ""))[:100]
    error = HostNotAllowed(
        f'Host not allowed: this server does not answer to "{host}". Whoever runs it can add '
        "the name to BATCHGEN_ALLOWED_HOSTS."
    )
    if _is_page(request):
        return HttpResponse(
            f"{error.message}\n", status=error.http_status, content_type="text/plain; charset=utf-8"
        )
    return failure_of(error).response()


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """handler403."""
    if _is_page(request):
        return defaults.permission_denied(request, exception)
    return failure_of(Forbidden()).response()


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """handler404."""
    if _is_page(request):
        return defaults.page_not_found(request, exception)
    return failure_of(NotFound(_no_address(request.path_info))).response()


def server_error(request: HttpRequest) -> HttpResponse:
    """handler500; Django calls it while the error is being handled."""
    failure = failure_of(sys.exception() or RuntimeError("no error at hand"))
    if _is_page(request):
        context = {"message": failure.body["error"]["message"]}
        page = get_template("500.html").render(context)
        return HttpResponse(page, status=failure.status, headers=failure.headers)
    return failure.response()


def _no_address(path: str) -> str:
    without = path.rstrip("/")
    if without != path and is_valid_path(without):
        return f"There is no such address. Ask without the slash at its end: {without}"
    return "There is no such address."


def _is_page(request: HttpRequest) -> bool:
    return not request.path_info.startswith("/api/")


def _retry_after(error: BatchgenError) -> dict[str, str]:
    if isinstance(error, Throttled):
        return {"Retry-After": str(error.wait_s)}
    return {"Retry-After": str(RETRY_AFTER_S)} if error.http_status == 503 else {}


def _framework_failure(error: exceptions.APIException) -> Failure:
    status = error.status_code
    headers = {}
    if header := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = header
    if wait_s := getattr(error, "wait", None):
        headers["Retry-After"] = str(max(1, round(wait_s)))
    code = _CODES.get(status, "INTERNAL_ERROR" if status >= 500 else "VALIDATION_ERROR")
    if isinstance(error, exceptions.ValidationError):
        return Failure(status, code, "The input is not valid.", _told(error.detail), headers)
    return Failure(status, code, _sentence(error.detail), {}, headers)


def _sentence(detail: Any) -> str:
    """A framework error's text, which may be alone, listed or under `detail`."""
    if isinstance(detail, dict):
        return _sentence(detail.get("detail", list(detail.values())))
    if isinstance(detail, list):
        return " ".join(_sentence(part) for part in detail)
    return str(detail)


def _internal_failure(error: BaseException) -> Failure:
    error_id = uuid4().hex
    log.error("internal error %s", error_id, exc_info=error)
    message = f"Something went wrong on our side. The log has it as {error_id}."
    return Failure(500, "INTERNAL_ERROR", message, {"id": error_id})


def _told(detail: Any) -> dict[str, list[str]]:
    """As much of the errors as helps; a message may quote what was sent."""
    found = flat(detail)
    told = {
        path: [message[:_MESSAGE_CHARS] for message in messages[:MAX_PROBLEMS]]
        for path, messages in islice(found.items(), MAX_PROBLEMS)
    }
    if len(found) > MAX_PROBLEMS:
        told[AND_MORE] = [f"The first {MAX_PROBLEMS} problems are listed; there are more."]
    return told


def flat(detail: Any, path: tuple[str | int, ...] = ()) -> dict[str, list[str]]:
    """REST framework's nested errors as `{path: [message, …]}`, like `acceptanceCriteria[2]`."""
    if isinstance(detail, dict):
        children: Any = detail.items()
    elif isinstance(detail, list) and any(isinstance(part, dict | list) for part in detail):
        children = enumerate(detail)
    else:
        messages = detail if isinstance(detail, list) else [detail]
        return {path_text(path) or "nonFieldErrors": [str(message) for message in messages]}
    found: dict[str, list[str]] = {}
    for key, child in children:
        part = () if key == "non_field_errors" else (key,)
        if child:
            found.update(flat(child, (*path, *part)))
    return found
