"""Strict readers of the environment: a misspelt value stops the start and names the variable."""

import os
import re
from collections.abc import Callable
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from urllib.parse import quote

from django.core.exceptions import ImproperlyConfigured

from batchgen import entries
from batchgen.micro_usd import usd_read
from batchgen.redis.address import RedisURLError
from batchgen.redis.url import parse

#: What `secret` reads.
SECRETS = (
    *("BATCHGEN_SECRET_KEY", "DATABASE_URL", "DATABASE_PASSWORD", "REDIS_URL", "REDIS_PASSWORD"),
    *("ANTHROPIC_API_KEY", "ANTHROPIC_ADMIN_KEY"),
    *("BATCHGEN_PASSWORD", "BATCHGEN_METRICS_TOKEN", "BATCHGEN_MCP_TOKEN", "FLOWER_BASIC_AUTH"),
    *("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
)
#: What the local stack and commands read, beside the settings.
ELSEWHERE = {
    *("BATCHGEN_HOST", "BATCHGEN_PORT", "BATCHGEN_FLOWER_PORT"),
    *("BATCHGEN_USER", "BATCHGEN_PASSWORD", "BATCHGEN_PASSWORD_FILE"),
    *("BATCHGEN_MCP_TOKEN", "BATCHGEN_MCP_TOKEN_FILE"),
}
#: Of a secret's file, in characters.
_LONGEST = 100_000
#: BATCHGEN_TEST_… is for the suite.
_OURS = re.compile(r"BATCHGEN_(?!TEST_)", re.IGNORECASE)
_read: set[str] = set()
_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off"}
_BETWEEN = re.compile(r"[,\s]+")
_PATH = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~-]*(/[A-Za-z0-9][A-Za-z0-9._~-]*)*", re.ASCII)

Network = IPv4Network | IPv6Network


def text(name: str, default: str = "") -> str:
    """The variable's value without surrounding white space, or the default where it is empty."""
    _read.add(name)
    return os.environ.get(name, "").strip() or default


def known() -> set[str]:
    """Every variable that batchgen reads, once the settings have been read."""
    return _read | ELSEWHERE


def unknown() -> list[str]:
    """Variables that are called as ours and that nothing reads."""
    return sorted(set(filter(_OURS.match, os.environ)) - known())


def secret(name: str, *, required: bool = False, default: str = "") -> str:
    """A value that must not be seen, and that production must bring itself where it is required.

    It stands in the variable itself or in the file that its twin names, `{name}_FILE`.

    Raises:
        ImproperlyConfigured: it is required and empty; it is given twice; its file is empty or
            cannot be read.
    """
    value, path = text(name), text(f"{name}_FILE")
    if value and path:
        raise ImproperlyConfigured(f"Set {name} or {name}_FILE, not both.")
    if path:
        value = _content(f"{name}_FILE", path)
    value = value or default
    if required and not value:
        raise ImproperlyConfigured(
            f"{name} is not set, nor is {name}_FILE. A production start needs one."
        )
    return value


def url(name: str, *, password: str, required: bool = False, default: str = "") -> str:
    """A secret that is the address of a server; a password that stands apart goes into it.

    Raises:
        ImproperlyConfigured: as for `secret`; there is no such address, or it has a password.
    """
    address = secret(name, required=required, default=default)
    if not password:
        return address
    apart = name.replace("URL", "PASSWORD")
    scheme, mark, rest = address.partition("://")
    if not mark:
        raise ImproperlyConfigured(
            f"{apart} is set, so {name} must be an address like scheme://user@host/name."
        )
    before, _, parameters = rest.partition("?")
    user, at, _ = before.rpartition("@")
    if ":" in user or re.search(r"(^|&)password=", parameters):
        raise ImproperlyConfigured(f"{name} has a password, and {apart} is set: give one of them.")
    server = rest.removeprefix(f"{user}{at}")
    return f"{scheme}://{user}:{quote(password, safe='')}@{server}"


def redis_url(name: str, *, password: str, required: bool, default: str) -> str:
    """The same, of a Redis.

    Raises:
        ImproperlyConfigured: it cannot be served, or a file that it names cannot be used.
    """
    url_ = url(name, password=password, required=required, default=default)
    try:
        address = parse(url_)
        if address.tls is not None:
            address.tls.check_files()
    except RedisURLError as error:
        raise ImproperlyConfigured(f"{name} cannot be served. {error}") from None
    return url_


def boolean(name: str, *, default: bool) -> bool:
    """1/true/yes/on or 0/false/no/off, in any case.

    Raises:
        ImproperlyConfigured: anything else.
    """
    value = text(name, str(default)).lower()
    if value not in _TRUE | _FALSE:
        raise ImproperlyConfigured(f"{name} must be true or false, not {value!r}.")
    return value in _TRUE


def integer(name: str, default: int, *, least: int = 0, most: int = 2**31 - 1) -> int:
    """A whole number from `least` to `most`.

    Raises:
        ImproperlyConfigured: not a whole number, or outside the range.
    """
    value = text(name, str(default))
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
    value = text(name, str(default))
    try:
        number_ = float(value)
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} must be a number, not {value!r}.") from error
    return _within(name, number_, least, most)


def usd(name: str) -> int | None:
    """An amount of dollars, in micro-dollars; None where it is empty.

    Raises:
        ImproperlyConfigured: no such amount.
    """
    value = text(name)
    if not value:
        return None
    amount = usd_read(value)
    if amount is None:
        raise ImproperlyConfigured(f"{name} must be dollars like 250 or 99.50, not {value!r}.")
    return amount


def choice(name: str, default: str, among: tuple[str, ...]) -> str:
    """One of the given words.

    Raises:
        ImproperlyConfigured: another word.
    """
    value = text(name, default)
    if value not in among:
        raise ImproperlyConfigured(f"{name} must be one of {', '.join(among)}, not {value!r}.")
    return value


def hosts(name: str, default: str) -> list[str]:
    """Host names between commas, as Django compares them; `.example.com` is that name and all
    names below it, `*` is any.

    Raises:
        ImproperlyConfigured: something else.
    """
    return _each(name, default, entries.host, "host names like app.example.com")


def origins(name: str, *, subdomains: bool = False) -> list[str]:
    """Origins between commas, as browsers send them.

    Args:
        subdomains: https://*.example.com is one too.

    Raises:
        ImproperlyConfigured: something else, as with a path or without a scheme.
    """

    def read(given: str) -> str | None:
        return entries.origin(given, subdomains=subdomains)

    return _each(name, "", read, "origins like https://app.example.com")


def networks(name: str) -> list[Network] | None:
    """Addresses and networks between commas; None for `*`, all of them.

    Raises:
        ImproperlyConfigured: something else.
    """
    if "*" in _entries(name):
        return None
    such = "addresses and networks like 10.0.0.0/8, or *"
    found = [ip_network(each) for each in _each(name, "", entries.network, such)]
    return found if all(network.prefixlen for network in found) else None


def ports(name: str, default: str) -> list[int]:
    """Ports between commas.

    Raises:
        ImproperlyConfigured: something else.
    """
    return [int(each) for each in _each(name, default, entries.port, "ports like 443")]


def url_path(name: str, *, taken: tuple[str, ...]) -> str:
    """A path like /batchgen, without a slash at its end; empty for the root.

    Raises:
        ImproperlyConfigured: something else, or one that begins with a part that is taken.
    """
    path = text(name).strip("/")
    if path.partition("/")[0] in taken:
        raise ImproperlyConfigured(f"{name} cannot be {text(name)!r}: batchgen has such a path.")
    if path and not _PATH.fullmatch(path):
        raise ImproperlyConfigured(f"{name} must be a path like /batchgen, not {text(name)!r}.")
    return f"/{path}" if path else ""


def link(name: str, *, path: bool = True) -> str:
    """An address by HTTP or, where a page leads there, a path of this host; empty: nowhere.

    Raises:
        ImproperlyConfigured: something else.
    """
    address = text(name)
    if address and not address.startswith((*("/" * path), "http://", "https://")):
        such = "a path or an address" if path else "an address like http://host:4318"
        raise ImproperlyConfigured(f"{name} must be {such}, not {address!r}.")
    return address


def _each(name: str, default: str, read: Callable[[str], str | None], such: str) -> list[str]:
    """What `read` makes of each entry, which may stand in quotes; each once."""
    found = {entry: read(entry) for entry in _entries(name) or default.split()}
    for entry, value in found.items():
        if value is None:
            raise ImproperlyConfigured(f"{name} must have {such}, not {entry!r}.")
    return list(dict.fromkeys(value for value in found.values() if value is not None))


def _entries(name: str) -> list[str]:
    return [entry for part in _BETWEEN.split(text(name)) if (entry := part.strip("'\""))]


def _within(name: str, value: float, least: float, most: float) -> float:
    if not least <= value <= most:
        raise ImproperlyConfigured(f"{name} must be from {least} to {most}, not {value}.")
    return value


def _content(name: str, path: str) -> str:
    try:
        with Path(path).open(encoding="utf-8-sig") as file:
            value = file.read(_LONGEST + 1).strip()
    except OSError as error:
        raise ImproperlyConfigured(f"{name}: {path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise ImproperlyConfigured(f"{name}: {path} is no text in UTF-8.") from None
    if not value:
        raise ImproperlyConfigured(f"{name}: {path} is empty.")
    if len(value) > _LONGEST:
        raise ImproperlyConfigured(f"{name}: {path} is too long for a secret.")
    return value
