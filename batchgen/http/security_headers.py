"""Security headers, such as the content security policy."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase

#: Pages load only what this server sends; nothing written into a page runs.
PAGES_POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
#: Answers are data: opened as a page, they load and run nothing.
DATA_POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


class SecurityHeaders:
    """Content-Security-Policy, and no guessed types, for everything; and no copy of the API's
    answers, which are private, in any cache."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self._get_response(request)
        is_page = response.get("Content-Type", "").startswith(
            ("text/html", "application/javascript")
        )
        response.setdefault("Content-Security-Policy", PAGES_POLICY if is_page else DATA_POLICY)
        response.setdefault("X-Content-Type-Options", "nosniff")
        if request.path_info.startswith("/api/v1/"):
            response.setdefault("Cache-Control", "no-store")
        return response
