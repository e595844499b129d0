"""Strict readers of the environment: a misspelt value stops the start and names the variable."""

import os
import re
from collections.abc import Callable
from contextlib import suppress
from ipaddress import IPv6Address

from django.core.exceptions import ImproperlyConfigured

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off", ""}
_BETWEEN = re.compile(r"[,\s]+")
#: What people copy from a browser's address field.
_ADDRESS = re.compile(
    r"(?:(?P<scheme>https?)://)?(?P<host>\[[^\]/]+\]|[^:/?#@]+)(?::(?P<port>\d{1,5}))?/?",
    re.ASCII | re.IGNORECASE,
)
_NAME = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*", re.ASCII)
_PORTS = {"http": 80, "https": 443}
_LAST_PORT = 65_535


def text(name: str, default: str = "") -> str:
    """The variable's value without surrounding white space, or the default where it is unset."""
    return os.environ.get(name, default).strip()


def secret(name: str, *, required: bool, default: str = "") -> str:
    """A value that production must bring itself.

    Raises:
        ImproperlyConfigured: it is required and empty.
    """
    value = text(name, default)
    if required and not value:
        raise ImproperlyConfigured(f"{name} is not set. A production start needs it.")
    return value


def boolean(name: str, *, default: bool) -> bool:
    """1/true/yes/on or 0/false/no/off, in any case.

    Raises:
        ImproperlyConfigured: anything else.
    """
    value = text(name, "true" if default else "false").lower()
    if value not in _TRUE | _FALSE:
        raise ImproperlyConfigured(f"{name} must be true or false, not {value!r}.")
    return value in _TRUE


def integer(name: str, default: int, *, least: int = 0, most: int = 2**31 - 1) -> int:
    """A whole number from `least` to `most`.

    Raises:
        ImproperlyConfigured: not a whole number, or outside the range.
    """
    value = text(name) or str(default)
    try:
        number_ = int(value)
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} must be a whole number, not {value!r}.") from error
    return int(_within(name, number_, least, most))


def number(name: str, default: float, *, least: float = 0, most: float = 1e9) -> float:
    """A decimal number from `least` to `most`.

    Raises:
        ImproperlyConfigured: not a number, or outside the range.
    """
    value = text(name) or str(default)
    try:
        number_ = float(value)
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} must be a number, not {value!r}.") from error
    return _within(name, number_, least, most)


def choice(name: str, default: str, among: tuple[str, ...]) -> str:
    """One of the given words.

    Raises:
        ImproperlyConfigured: another word.
    """
    value = text(name) or default
    if value not in among:
        raise ImproperlyConfigured(f"{name} must be one of {', '.join(among)}, not {value!r}.")
    return value


def hosts(name: str, default: str) -> list[str]:
    """Host names between commas, as Django compares them; `.example.com` is that name and all
    names below it, `*` is any.

    Raises:
        ImproperlyConfigured: something else.
    """
    return _each(name, default, _host, "host names like app.example.com")


def origins(name: str, *, subdomains: bool = False) -> list[str]:
    """Origins between commas, as browsers send them.

    Args:
        subdomains: https://*.example.com is one too.

    Raises:
        ImproperlyConfigured: something else, as with a path or without a scheme.
    """

    def read(given: str) -> str | None:
        return _origin(given, subdomains=subdomains)

    return _each(name, "", read, "origins like https://app.example.com")


def _each(name: str, default: str, read: Callable[[str], str | None], such: str) -> list[str]:
    """What `read` makes of each entry, which may stand in quotes; each once."""
    entries = [entry for part in _BETWEEN.split(text(name)) if (entry := part.strip("'\""))]
    found = {entry: read(entry) for entry in entries or default.split()}
    for entry, value in found.items():
        if value is None:
            raise ImproperlyConfigured(f"{name} must have {such}, not {entry!r}.")
    return list(dict.fromkeys(value for value in found.values() if value is not None))


def _host(given: str) -> str | None:
    if given == "*":
        return given
    found = _ADDRESS.fullmatch(given)
    host = _name(found["host"]) if found else _name(given)
    return None if host is None else f".{host}" if given.startswith(".") else host


def _origin(given: str, *, subdomains: bool) -> str | None:
    found = _ADDRESS.fullmatch(given)
    if found is None or not found["scheme"]:
        return None
    scheme, port = found["scheme"].lower(), int(found["port"] or 0)
    below = "*." if subdomains and found["host"].startswith("*.") else ""
    host = _name(found["host"].removeprefix(below))
    if host is None or port > _LAST_PORT:
        return None
    usual = port in {0, _PORTS[scheme]}  # a browser leaves it away
    return f"{scheme}://{below}{host}" if usual else f"{scheme}://{below}{host}:{port}"


def _name(host: str) -> str | None:
    """As it stands in a Host header: lower case, ASCII, IPv6 in brackets; None: it is no name."""
    with suppress(ValueError):
        return f"[{IPv6Address(host.removeprefix('[').removesuffix(']'))}]"
    try:
        name = host.removeprefix(".").removesuffix(".").encode("idna").decode().lower()
    except UnicodeError:
        return None
    return name if _NAME.fullmatch(name) else None


def _within(name: str, value: float, least: float, most: float) -> float:
    if not least <= value <= most:
        raise ImproperlyConfigured(f"{name} must be from {least} to {most}, not {value}.")
    return value
