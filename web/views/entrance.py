"""The way in and out, and how the pages look."""

from collections.abc import Sequence
from datetime import timedelta

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login, logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from batchgen.accounts.login_throttle import SignInForm
from web.context import SWITCH, THEMES
from web.page import View, next_of, page, show

_KEPT_S = round(timedelta(days=365).total_seconds())


@page("GET")
def home(request: HttpRequest) -> HttpResponse:
    """To the projects, where everything begins."""
    return redirect("web:projects")


@page("GET", "POST", signed_in=False)
def sign_in(request: HttpRequest) -> HttpResponse:
    """Opens a session, by the API's rules for names and passwords."""
    to = next_of(request, reverse("web:projects"))
    if request.user.is_authenticated:
        return redirect(to)
    form = SignInForm(request, data=request.POST if request.method == "POST" else None)
    if form.is_valid():
        login(request, form.get_user())
        return redirect(to)
    answer = show(
        request, "sign_in.html", {"form": form, "next": to}, status=429 if form.wait_s else 200
    )
    if form.wait_s:
        answer["Retry-After"] = str(form.wait_s)
    return answer


@page("POST", signed_in=False)
def sign_out(request: HttpRequest) -> HttpResponse:
    """Ends the session, and with it the event streams that it opened."""
    logout(request)
    messages.success(request, "You are signed out.")
    return redirect("web:sign-in")


def _kept(name: str, choices: Sequence[str]) -> View:
    """A choice of how the pages are, for this browser: the cookie `batchgen-{name}`."""

    @page("POST", signed_in=False)
    def keep(request: HttpRequest) -> HttpResponse:
        wanted = request.POST.get(name, "")
        answer = redirect(next_of(request, reverse("web:projects")))
        if wanted in choices:
            answer.set_cookie(
                f"batchgen-{name}",
                wanted,
                max_age=_KEPT_S,
                path=settings.SESSION_COOKIE_PATH,
                secure=settings.SESSION_COOKIE_SECURE,
                httponly=True,
                samesite="Lax",
            )
        return answer

    return keep


#: Light, dark, or as the system has it; whether single keys do something.
theme, keys = _kept("theme", THEMES), _kept("keys", SWITCH)
