"""What all pages share: who may ask, how they are rendered, and how a refusal reads."""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any
from urllib.parse import urlsplit

from django.contrib import messages
from django.contrib.auth.models import User
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_http_methods

from batchgen.api.error_envelope import Failure, failure_of
from batchgen.errors import BatchgenError, Forbidden
from batchgen.http.throttle import request_count

View = Callable[..., HttpResponse]


def page(*methods: str, signed_in: bool = True) -> Callable[[View], View]:
    """Make a view a page: for who is signed in, counted like a request of the API, in no cache,
    compressed. Whatever the view raises is told in the words, and with the status, that the API has
    for it.

    Args:
        signed_in: False: for everybody.
    """

    def decorate(view: View) -> View:
        @gzip_page  # Django pads it, so that its length tells nothing of secrets in the page
        @never_cache
        @require_http_methods([*methods, "HEAD"])
        @wraps(view)
        def shown(request: HttpRequest, **ids: Any) -> HttpResponse:
            try:
                if signed_in and not request.user.is_authenticated:
                    return _to_sign_in(request)
                request_count(request)
                return view(request, **ids)
            except Exception as error:  # every error has its page
                return refused(request, failure_of(error))

        vars(shown)["methods"] = methods
        return shown

    return decorate


def user_of(request: HttpRequest) -> User:
    """Who asks for a page that is for who is signed in.

    Raises:
        Forbidden: nobody is.
    """
    if not isinstance(request.user, User):
        raise Forbidden
    return request.user


def show(
    request: HttpRequest, template: str, context: Mapping[str, Any], *, status: int = 200
) -> HttpResponse:
    """The page of a template."""
    return render(request, f"web/{template}", dict(context), status=status)


def refused(request: HttpRequest, failure: Failure) -> HttpResponse:
    """What a person reads where there is no page to show. To a part of a page that is there, it is
    a toast."""
    error = failure.body["error"]
    if request.headers.get("HX-Request"):
        answer = show(request, "toast.html", {"text": error["message"]}, status=failure.status)
        answer["HX-Retarget"], answer["HX-Reswap"] = "#toasts", "beforeend"
        answer["HX-Reselect"] = ".toast"
    else:
        # Whose session it is cannot be asked where the database is away.
        shell = "web/bare.html" if failure.status >= 500 else "web/base.html"
        context = {"error": error, "status": failure.status, "shell": shell}
        answer = show(request, "refused.html", context, status=failure.status)
    for name, value in failure.headers.items():
        answer[name] = value
    return answer


def told(request: HttpRequest, error: BatchgenError, *args: Any, **ids: Any) -> HttpResponse:
    """Back to a page, which tells of an action that was refused. Takes what `redirect` does."""
    messages.error(request, error.message)
    back: HttpResponse = redirect(*args, **ids)
    return back


def next_of(request: HttpRequest, otherwise: str) -> str:
    """Where the form or the query wants to go afterwards, if that is here; else `otherwise`."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    here = {request.get_host()}
    safe = url_has_allowed_host_and_scheme(wanted, here, require_https=request.is_secure())
    return wanted if wanted and safe else otherwise


def _to_sign_in(request: HttpRequest) -> HttpResponse:
    if request.headers.get("HX-Request"):
        at = urlsplit(request.headers.get("HX-Current-URL", ""))
        to = redirect_to_login(f"{at.path}?{at.query}" if at.query else at.path or "/")
        return HttpResponse(status=204, headers={"HX-Redirect": to["Location"]})
    back = request.get_full_path() if request.method in {"GET", "HEAD"} else ""
    return redirect_to_login(back) if back else redirect("web:sign-in")
