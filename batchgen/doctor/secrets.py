"""Redact secrets in error texts of servers and libraries."""

import re
from typing import Any
from urllib.parse import quote, unquote

from batchgen.redis import client as redis

HIDDEN = "***"
_VALUES = (
    *("SECRET_KEY", "ANTHROPIC_API_KEY", "METRICS_TOKEN", "FLOWER_BASIC_AUTH"),
    *("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
)
#: Of DATABASE_URL.
_PARAMETERS = re.compile(r"[?&](?:ssl)?password=([^&]*)")
#: Shorter ones stand in too many words by chance, and protect nothing.
_SHORTEST = 4


def without_secrets(text: str, settings: Any) -> str:
    """The text with every secret of the settings replaced, and nothing that moves a terminal."""
    for secret in _secrets(settings):
        text = text.replace(secret, HIDDEN)
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())


def _secrets(settings: Any) -> list[str]:
    """The longest first: one may be part of another."""
    found = {str(getattr(settings, name, "") or "") for name in _VALUES}
    _, at, rest = str(getattr(settings, "DATABASE_URL", "") or "").partition("://")
    credentials = rest.rpartition("@")[0] if at else ""
    passwords = [credentials.partition(":")[2], *_PARAMETERS.findall(rest)]
    for password in passwords:
        found |= {password, unquote(password)}
    sign_ins = str(getattr(settings, "FLOWER_BASIC_AUTH", "") or "").split(",")
    found |= {each.partition(":")[2] for each in sign_ins}
    for secret in redis.address().secrets:
        found |= {secret, quote(secret, safe="")}
    return sorted((each for each in found if len(each) >= _SHORTEST), key=len, reverse=True)
