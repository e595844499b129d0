"""A tab of the browser, and what is asked of what it shows."""

from importlib import import_module
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import User
from playwright.sync_api import ConsoleMessage, Page, Request, ViewportSize

_AXE = next(Path(__file__).with_name("vendor").glob("axe-*.min.js"))
#: The admin's links take a while for it.
_COLOURS_CHANGED = """() => Promise.allSettled(
    document.getAnimations().filter((each) => each instanceof CSSTransition)
        .map((each) => each.finished)
)"""
_NARROW: ViewportSize = {"width": 320, "height": 640}
_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


class Tab:
    """A page that notes what the browser complains of, and what it sends."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.sent: list[Request] = []
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        page.on("request", self._request)
        page.on("requestfailed", self._failed)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            at = message.location.get("url", "")
            self.complaints.append(f"{message.type}: {message.text} {at}")

    def _request(self, request: Request) -> None:
        self.sent.append(request)

    def _failed(self, request: Request) -> None:
        # A page that is left, and a stream that is closed, give up what they had asked for.
        if request.failure != "net::ERR_ABORTED":
            self.complaints.append(f"failed: {request.url} {request.failure}")

    def expect_complaints(self, *parts: str) -> None:
        """Forget those of which each has one of these parts: the test made them happen."""
        self.complaints = [
            text for text in self.complaints if not any(part in text for part in parts)
        ]

    def posts(self) -> list[str]:
        """The addresses of the forms that were sent."""
        return [request.url for request in self.sent if request.method == "POST"]

    def _findings(self) -> list[str]:
        """What axe finds in the page as it stands."""
        if not self.page.evaluate("() => 'axe' in window"):
            # By the debugger's way: the page's policy lets no foreign script in.
            self.page.evaluate(_AXE.read_text())
        found: Any = self.page.evaluate(
            "rules => axe.run(document, {runOnly: rules, resultTypes: ['violations']})", _RULES
        )
        return [
            f"{each['id']}: {each['help']} ({node['html'][:200]})"
            for each in found["violations"]
            for node in each["nodes"]
        ]

    def shut_out(self) -> list[str]:
        """Whom the page as it stands keeps out: what axe finds in both themes, and by how many
        pixels it is wider than a window of 320."""
        found = []
        for theme in ("dark", "light"):
            self.page.emulate_media(color_scheme=theme)
            self.page.evaluate(_COLOURS_CHANGED)
            found += [f"{theme}: {each}" for each in self._findings()]
        size = self.page.viewport_size
        self.page.set_viewport_size(_NARROW)
        wide: int = self.page.evaluate(
            "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        if size is not None:
            self.page.set_viewport_size(size)
        return [*found, *([f"{wide} pixels wider than 320"] if wide else [])]


def cookie_of(user: User, site: str) -> Any:
    """The cookie of a new session of the user."""
    session = import_module(settings.SESSION_ENGINE).SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    return {"name": settings.SESSION_COOKIE_NAME, "value": session.session_key, "url": site}
