"""What every page's shell shows, whatever stands in it."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.http import HttpRequest

#: What the cookies of the theme and of single keys may say; the first where they say nothing.
THEMES, SWITCH = ("auto", "light", "dark"), ("on", "off")
#: {first part of the view's name: (its address's name, what the navigation calls it)}.
SECTIONS = {
    "project": ("web:projects", "Projects"),
    "run": ("web:runs", "Runs"),
    "money": ("web:money", "Money"),
    "queue": ("web:queue", "Queue"),
    "ops": ("web:ops", "Operations"),
}
#: Those that the navigation has for staff alone.
FOR_STAFF = {"ops"}


def shell(request: HttpRequest) -> dict[str, Any]:
    """For every template: navigation, theme, where Flower is, and whether a simulator answers."""
    match = request.resolver_match
    here = match.url_name or "" if match and match.namespace == "web" else ""
    return {
        "sections": [
            {
                "url": url,
                "name": name,
                "here": here.startswith(part),
                "for_staff": part in FOR_STAFF,
            }
            for part, (url, name) in SECTIONS.items()
        ],
        "theme": chosen(request, "theme", THEMES),
        "themes": THEMES,
        "flower_url": settings.FLOWER_URL,
        "keys": chosen(request, "keys", SWITCH),
        "switch": SWITCH,
        "simulated": settings.PROVIDER_NAME == "simulator",
    }


def chosen(request: HttpRequest, name: str, choices: Sequence[str]) -> str:
    """What this browser chose."""
    choice = request.COOKIES.get(f"batchgen-{name}", "")
    return choice if choice in choices else choices[0]
