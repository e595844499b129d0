"""What every page's shell shows, whatever stands in it."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest

#: The cookie, and what it may say; nothing: as the system has it.
THEME, THEMES = "batchgen-theme", ("auto", "light", "dark")
#: {first part of the view's name: (its address's name, what the navigation calls it)}.
_SECTIONS = {
    "project": ("web:projects", "Projects"),
    "run": ("web:runs", "Runs"),
    "queue": ("web:queue", "Queue"),
    "ops": ("web:ops", "Operations"),
}
#: Those that the navigation has for staff alone.
_FOR_STAFF = {"ops"}


def shell(request: HttpRequest) -> dict[str, Any]:
    """For every template: the navigation, the theme, and whether a simulator answers."""
    match = request.resolver_match
    here = match.url_name or "" if match and match.namespace == "web" else ""
    return {
        "sections": [
            {
                "url": url,
                "name": name,
                "here": here.startswith(part),
                "for_staff": part in _FOR_STAFF,
            }
            for part, (url, name) in _SECTIONS.items()
        ],
        "theme": theme_of(request),
        "themes": THEMES,
        "simulated": settings.PROVIDER_NAME == "simulator",
    }


def theme_of(request: HttpRequest) -> str:
    """The theme that this browser asked for."""
    theme = request.COOKIES.get(THEME, THEMES[0])
    return theme if theme in THEMES else THEMES[0]
