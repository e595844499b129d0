"""What a token may be used for: the one place that holds every route of the API to it.

A scope narrows what its user may do, and never widens it. Whoever signed in with a password has
all of it. `WithinScope` is asked before a view is (it is the DEFAULT_PERMISSION_CLASSES), so a
route that nobody thought of is refused; `batchgen.api.contents` says what shows no contents.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

from django.http import HttpRequest
from rest_framework.permissions import SAFE_METHODS, IsAuthenticated
from rest_framework.request import Request

from batchgen.api.contents import PARAMETERS, ROUTES
from batchgen.errors import Forbidden

#: Where the API's addresses begin, as routes have it.
_API = "api/v1/"
#: What changes nothing but that it stores what a quote is made of; a linter's answer is its input.
_READS = frozenset({"POST projects/<id:project_id>/quotes", "POST stories/lint"})
#: A token makes, shows and revokes no tokens: it could give itself another scope.
_SIGN_IN_ONLY = frozenset({"tokens", "tokens/<id:token_id>"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Scope:
    """What is let through of what the user may do."""

    #: Requests that change something.
    write: bool
    #: Texts that people, files and models wrote.
    contents: bool

    FULL: ClassVar["Scope"]

    def within(self, other: "Scope") -> "Scope":
        """What both let through."""
        return Scope(write=self.write and other.write, contents=self.contents and other.contents)


Scope.FULL = Scope(write=True, contents=True)


def scope_of(request: Request) -> Scope:
    """The scope of the token that was brought, within that of who asks in its name."""
    own: Scope = getattr(request.auth, "scope", Scope.FULL)
    return own.within(getattr(request._request, "scope_asked", Scope.FULL))


def narrow(request: HttpRequest, scope: Scope) -> None:
    """Answer this request as one with a token of no more than this scope."""
    request.scope_asked = scope  # type: ignore[attr-defined]  # read by `scope_of`


class WithinScope(IsAuthenticated):
    """Whoever is signed in, with what their token may be used for."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Whether somebody is signed in.

        Raises:
            Forbidden: their token is not for this.
        """
        if not super().has_permission(request, view):
            return False
        route = _route_of(request)
        if getattr(request.auth, "scope", None) and route in _SIGN_IN_ONLY:
            raise Forbidden("Tokens are managed by who signed in with a password, not by a token.")
        scope = scope_of(request)
        if not scope.write and not _reads(request.method or "", route):
            raise _lacking("write", "This token may only read.")
        if not scope.contents:
            _check_contents(request, route)
        return True


def _route_of(request: Request) -> str:
    match = request._request.resolver_match
    return match.route.removeprefix(_API) if match else ""


def _reads(method: str, route: str) -> bool:
    return method in SAFE_METHODS or f"{method} {route}" in _READS


def _check_contents(request: Request, route: str) -> None:
    method = "GET" if request.method == "HEAD" else request.method
    if f"{method} {route}" not in ROUTES:
        raise _lacking("contents", "This token may not see contents, and this shows them.")
    if others := sorted(request.query_params.keys() - PARAMETERS):
        # What is found, and in which order it comes, would tell of them.
        raise _lacking(
            "contents",
            "This token may not see contents, and so not search or order by them: leave out "
            f"{', '.join(others)[:100]}.",
        )


def _lacking(scope: str, message: str) -> Forbidden:
    return Forbidden(f"{message} Take one with the scope {scope}.", scope=scope)
