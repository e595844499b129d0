"""Pages as a browser without scripts reads them."""

import re
from html.parser import HTMLParser
from typing import Any

from django.test import Client

#: A text that breaks out where somebody forgot to escape it.
HOSTILE = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>{{ 7|add:7 }}"


def browser(user: Any = None, **options: Any) -> Client:
    """Signed in, where a user is given; errors come as pages."""
    client = Client(raise_request_exception=False, **options)
    if user is not None:
        client.force_login(user)
    return client


class _Reader(HTMLParser):
    """Notes what runs or styles from within a page, or comes from elsewhere: what the policy
    refuses."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag in {"style", "img"} or (tag == "script" and "src" not in given):
            self.found.append(tag)
        for name, value in given.items():
            elsewhere = name in {"src", "href", "action", "hx-get", "hx-post"} and (
                value.startswith(("//", "javascript:")) or "://" in value.partition("?")[0]
            )
            if elsewhere or name.startswith("on") or name == "style":
                self.found.append(f"{tag} {name}={value}")


def assert_clean(page: str) -> None:
    """Nothing in the page runs, and no text became markup."""
    reader = _Reader()
    reader.feed(page)
    assert reader.found == []
    assert "alert(1)14" not in page


def hidden(page: str, name: str) -> str:
    """What a form's hidden field has."""
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found, name
    return found[1]
