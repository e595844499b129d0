"""The API, asked within this process: the same addresses, views, permissions, scopes, limits,
errors and access log as over HTTP, without a socket. So there is one way to show or do a thing.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.models import User
from django.core.handlers.wsgi import WSGIRequest
from django.db import close_old_connections
from django.http import HttpRequest, HttpResponseBase
from django.urls import resolve
from rest_framework.exceptions import NotAuthenticated
from rest_framework.request import Request

from batchgen.accounts.tokens import BearerAuthentication
from batchgen.api.contents import WITHHELD
from batchgen.api.error_envelope import Failure, failure_of
from batchgen.api.scopes import Scope, narrow
from batchgen.http.request_log import RequestLogMiddleware

_NOBODY = "Bring an API token as `Authorization: Bearer …`."


@dataclass(frozen=True, kw_only=True, slots=True)
class Asker:
    """In whose name the API is asked."""

    #: A user's name, by the word of who started the server; empty: whoever the token is of.
    user: str = ""
    #: As the header has it: `Bearer …`.
    authorization: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """A request to the API."""

    method: str
    path: str
    #: Of a body where the method is not GET, else of the query.
    fields: Mapping[str, Any]
    #: What of the asker's own scope is used.
    scope: Scope
    headers: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """The API's answer: its status, and its envelope."""

    status: int
    body: dict[str, Any]
    #: Texts that are contents were left out.
    withheld: bool = False


def ask(asker: Asker, question: Question) -> Answer:
    """The API's answer. An error is an answer, too; none is raised."""
    try:
        request = _request(asker, question)
        if asker.user:
            # REST framework's own way to have somebody signed in by another word than a header's.
            request._force_auth_user = _active(asker.user)  # type: ignore[attr-defined]
        narrow(request, question.scope)
        response: Any = _logged(request)
        return Answer(
            status=response.status_code,
            body=json.loads(response.content),
            withheld=WITHHELD in response,
        )
    except Exception as error:
        return _of_failure(failure_of(error))
    finally:
        close_old_connections()


def refusal(asker: Asker) -> Answer | None:
    """What somebody is told who brings no token, or one that is not good; None: it is good."""
    question = Question(method="GET", path="/", fields={}, scope=Scope.FULL, headers={})
    try:
        if BearerAuthentication().authenticate(Request(_request(asker, question))) is None:
            raise NotAuthenticated(_NOBODY)
    except Exception as error:
        return _of_failure(failure_of(error))
    finally:
        close_old_connections()
    return None


def _request(asker: Asker, question: Question) -> HttpRequest:
    reads = question.method == "GET"
    raw = b"" if reads else json.dumps(question.fields).encode()
    headers = dict(question.headers)
    if asker.authorization:
        headers["Authorization"] = asker.authorization
    return WSGIRequest(
        {
            "REQUEST_METHOD": question.method,
            "PATH_INFO": question.path,
            "QUERY_STRING": urlencode(question.fields) if reads else "",
            "CONTENT_TYPE": "application/json",
            "CONTENT_LENGTH": str(len(raw)),
            "REMOTE_ADDR": "127.0.0.1",
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "wsgi.url_scheme": "http",
            "wsgi.input": BytesIO(raw),
            **{f"HTTP_{name.upper().replace('-', '_')}": text for name, text in headers.items()},
        }
    )


def _active(name: str) -> User:
    user = User.objects.filter(username=name, is_active=True).first()
    if user is None:
        raise NotAuthenticated(f"There is no active user {name}.")
    return user


def _view(request: HttpRequest) -> HttpResponseBase:
    match = request.resolver_match = resolve(request.path_info)
    response: HttpResponseBase = match.func(request, *match.args, **match.kwargs).render()
    return response


_logged = RequestLogMiddleware(_view)


def _of_failure(failure: Failure) -> Answer:
    return Answer(status=failure.status, body=failure.body)
