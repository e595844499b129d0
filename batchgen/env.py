"""Strict readers of the environment: a misspelt value stops the start and names the variable."""

import os
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off", ""}


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


def origins(name: str) -> list[str]:
    """Origins like https://app.example.com, between commas.

    Raises:
        ImproperlyConfigured: something else, as with a path or without a scheme.
    """
    found = [origin.strip() for origin in text(name).split(",") if origin.strip()]
    for origin in found:
        parts = urlsplit(origin)
        if parts.scheme not in {"http", "https"} or f"{parts.scheme}://{parts.netloc}" != origin:
            raise ImproperlyConfigured(
                f"{name} must have origins like https://app.example.com, not {origin!r}."
            )
    return found


def _within(name: str, value: float, least: float, most: float) -> float:
    if not least <= value <= most:
        raise ImproperlyConfigured(f"{name} must be from {least} to {most}, not {value}.")
    return value
