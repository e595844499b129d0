"""What stands in lists of the environment: hosts, origins, networks, ports. Of an entry that is no
such thing each function returns None.
"""

import re
from contextlib import suppress
from ipaddress import IPv6Address, ip_network

#: What people copy from a browser's address field.
_ADDRESS = re.compile(
    r"(?:(?P<scheme>https?)://)?(?P<host>\[[^\]/]+\]|[^:/?#@]+)(?::(?P<port>\d{1,5}))?/?",
    re.ASCII | re.IGNORECASE,
)
_NAME = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*", re.ASCII)
_PORTS = {"http": 80, "https": 443}
_PORT = re.compile(r"\d{1,5}", re.ASCII)
_LAST_PORT = 65_535


def port(given: str) -> str | None:
    """A port's number, as it is written."""
    return given if _PORT.fullmatch(given) and 0 < int(given) <= _LAST_PORT else None


def network(given: str) -> str | None:
    """An address or a network, as Python writes networks."""
    with suppress(ValueError):
        return str(ip_network(given, strict=False))
    return None


def host(given: str) -> str | None:
    """A host's name as Django compares them."""
    if given == "*":
        return given
    found = _ADDRESS.fullmatch(given)
    host = _name(found["host"]) if found else _name(given)
    return None if host is None else f".{host}" if given.startswith(".") else host


def origin(given: str, *, subdomains: bool) -> str | None:
    """An origin as browsers send it."""
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
