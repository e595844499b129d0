"""The parser of REDIS_URL, for every client that connects.

redis-py, kombu and Flower each read such URLs in a way of their own: one sends the password in
clear text where the others speak TLS. None of them sees the URL; they get what is read here.

    redis://[user:password@]host[:6379][/db]                       Redis or Valkey
    rediss://…                                                     the same over TLS
    unix://[user:password@]/path/to/socket[?db=N]                  a Unix domain socket
    redis+sentinel://[user:password@]host[:26379],…/name[/db]      Sentinels tell the server
    rediss+sentinel://…                                            the same, all of it over TLS
"""

import re
import ssl
from collections.abc import Mapping
from typing import Any, TypeVar
from urllib.parse import unquote

from batchgen.redis.address import RedisAddress, RedisURLError, Tls

T = TypeVar("T")
_SCHEMES = {
    "redis": "redis",
    "valkey": "redis",
    "rediss": "rediss",
    "valkeys": "rediss",
    "unix": "unix",
    "redis+socket": "unix",
    "redis+sentinel": "redis+sentinel",
    "rediss+sentinel": "rediss+sentinel",
}
_FORMS = "redis://, rediss://, unix://, redis+sentinel:// or rediss+sentinel://"
_SENTINEL_FORM = "redis+sentinel://host1:26379,host2:26379/NAME/0"
_CLUSTER = "Redis Cluster is not supported: use one server, or Sentinels."
_ENCODE = (
    "Percent-encode the password (and the user): % is %25, / is %2F, ? is %3F, # is %23, @ is %40."
)
_SCHEME_HINTS = {
    **dict.fromkeys(("redis+cluster", "rediss+cluster", "redis-cluster"), _CLUSTER),
    **dict.fromkeys(
        ("sentinel", "redis-sentinel", "rediss-sentinel"), f"Write Sentinels as {_SENTINEL_FORM}."
    ),
    **dict.fromkeys(
        ("http", "https"), "That is a REST interface: take the address that begins with rediss://."
    ),
}
_TLS = frozenset(
    {
        *("ssl_cert_reqs", "ssl_check_hostname", "ssl_ca_certs", "ssl_ca_path"),
        *("ssl_certfile", "ssl_keyfile", "ssl_password", "ssl_min_version"),
    }
)
_SENTINEL = frozenset({"sentinel_username", "sentinel_password"})
_KNOWN = frozenset({"db", "username", "password", "protocol"}) | _TLS | _SENTINEL
_PARAMETER_HINTS = {
    **dict.fromkeys(("ssl", "tls"), "for TLS the URL begins with rediss://"),
    "virtual_host": "the number of the database is db",
    "master_name": f"Sentinels are written {_SENTINEL_FORM}",
}
_BOOLEANS = {
    **dict.fromkeys(("true", "yes", "1"), True),
    **dict.fromkeys(("false", "no", "0"), False),
}
_REQUIREMENTS = {"required": True, "optional": True, "none": False}
_VERSIONS = {"tlsv1.2": ssl.TLSVersion.TLSv1_2, "tlsv1.3": ssl.TLSVersion.TLSv1_3}
_PROTOCOLS = {"2": 2, "3": 3}
_HOST = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<name>[^\[\]:]*))(?::(?P<port>.*))?")
_STRAY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_MOST_DB = 999_999


def parse(url: str) -> RedisAddress:
    """Read a URL; no file is looked at.

    Raises:
        RedisURLError: it is none of ours, or asks for something that is not served.
    """
    scheme, authority, path, query = _split(url)
    userinfo, at, hosts = authority.rpartition("@")
    user, password = _credentials(userinfo if at else None, query)
    common: dict[str, Any] = {
        "username": user,
        "password": password,
        "protocol": _one_of(query, "protocol", _PROTOCOLS, None),
    }
    if scheme == "unix":
        if hosts or path in ("", "/"):
            raise RedisURLError("Write a Unix socket as unix:///path/to/socket?db=0.")
        return RedisAddress(socket=_decoded(path), db=_database("", query), **common)
    service, number = _service(path) if "sentinel" in scheme else ("", path.removeprefix("/"))
    return RedisAddress(
        hosts=_hosts(hosts, scheme),
        service=service,
        db=_database(number, query),
        sentinel_username=query.get("sentinel_username"),
        sentinel_password=query.get("sentinel_password"),
        tls=_tls(query) if scheme.startswith("rediss") else None,
        **common,
    )


def _split(url: str) -> tuple[str, str, str, dict[str, str]]:
    """Scheme, authority, path and query."""
    named, mark, rest = url.partition("://")
    scheme = _SCHEMES.get(named.lower())
    if not mark or scheme is None:
        hint = _SCHEME_HINTS.get(named.lower()) if mark else None
        raise RedisURLError(hint or f"It must begin with {_FORMS}: redis://127.0.0.1:6379/0.")
    if not rest.isprintable() or " " in rest or "#" in rest:
        raise RedisURLError(f"It has a space, a # or a character that is not printed. {_ENCODE}")
    before, _, raw = rest.partition("?")
    authority, slash, path = before.partition("/")
    if "@" in path or "@" in raw:
        raise RedisURLError(f"It has an @ behind the host. {_ENCODE}")
    return scheme, authority, f"{slash}{path}", _query(raw, scheme)


def _query(raw: str, scheme: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in filter(None, raw.split("&")):
        name, _, value = pair.partition("=")
        if name not in _KNOWN:
            hint = _PARAMETER_HINTS.get(name, f"known are {', '.join(sorted(_KNOWN))}")
            raise RedisURLError(f"It has a parameter {name!r} that is not known: {hint}.")
        if name in _TLS and not scheme.startswith("rediss"):
            raise RedisURLError(f"{name} is for TLS: begin the URL with rediss://.")
        if name in _SENTINEL and "sentinel" not in scheme:
            raise RedisURLError(f"{name} is for Sentinels, which are written {_SENTINEL_FORM}.")
        if name in found:
            raise RedisURLError(f"It has {name} twice.")
        if "+" in value:
            raise RedisURLError(f"{name} has a +: write %2B for it, or %20 for a space.")
        found[name] = _decoded(value)
    return found


def _credentials(userinfo: str | None, query: Mapping[str, str]) -> tuple[str | None, str | None]:
    """User and password; None for what is not given."""
    asked = query.get("username") or None, query.get("password") or None
    if userinfo is None:
        return asked
    if any(asked):
        raise RedisURLError("It has user or password twice: before the host and as parameters.")
    user, _, password = userinfo.partition(":")
    return _decoded(user) or None, _decoded(password) or None


def _hosts(text: str, scheme: str) -> tuple[tuple[str, int], ...]:
    sentinels = "sentinel" in scheme
    named = text.split(",")
    if sentinels and not all(named):
        raise RedisURLError(f"It has no host for a Sentinel: {_SENTINEL_FORM}.")
    if len(named) > 1 and not sentinels:
        raise RedisURLError(f"It has several hosts. {_CLUSTER} Write those as {_SENTINEL_FORM}.")
    return tuple(_host(each, 26379 if sentinels else 6379) for each in named)


def _host(text: str, port: int) -> tuple[str, int]:
    found = _HOST.fullmatch(text)
    if found is None or (text.count(":") > 1 and not found["v6"]):
        raise RedisURLError(f"An IPv6 address stands in brackets, like [::1]:6379. {_ENCODE}")
    if found["port"] is not None:
        port = _number(found["port"], 65_535) or 0
        if not port:
            raise RedisURLError(f"The port is no number from 1 to 65535. {_ENCODE}")
    return found["v6"] or _decoded(found["name"]) or "localhost", port


def _service(path: str) -> tuple[str, str]:
    """The Sentinels' name of the server, and the database's number."""
    name, _, number = path.removeprefix("/").partition("/")
    if not name:
        raise RedisURLError(f"It has no name for the Sentinels: {_SENTINEL_FORM}.")
    return _decoded(name), number


def _database(path: str, query: Mapping[str, str]) -> int:
    asked = {text for text in (path, query.get("db", "")) if text}
    if len(asked) > 1:
        raise RedisURLError("It has two numbers of a database: in the path and as db.")
    number = _number("".join(asked) or "0", _MOST_DB)
    if number is None:
        raise RedisURLError("The database is not a number: write redis://127.0.0.1:6379/0.")
    return number


def _number(text: str, most: int) -> int | None:
    """The number, or None for what is none up to `most`."""
    if not re.fullmatch(r"[0-9]{1,9}", text) or int(text) > most:
        return None
    return int(text)


def _tls(query: Mapping[str, str]) -> Tls:
    if "ssl_keyfile" in query and "ssl_certfile" not in query:
        raise RedisURLError("ssl_keyfile needs ssl_certfile.")
    wanted = {**query, "ssl_cert_reqs": query.get("ssl_cert_reqs", "required").lower()}
    wanted["ssl_cert_reqs"] = wanted["ssl_cert_reqs"].removeprefix("cert_")
    return Tls(
        verify=_one_of(wanted, "ssl_cert_reqs", _REQUIREMENTS, True),
        check_hostname=_one_of(query, "ssl_check_hostname", _BOOLEANS, True),
        ca_file=query.get("ssl_ca_certs"),
        ca_path=query.get("ssl_ca_path"),
        cert_file=query.get("ssl_certfile"),
        key_file=query.get("ssl_keyfile"),
        key_password=query.get("ssl_password"),
        least_version=_one_of(query, "ssl_min_version", _VERSIONS, None),
    )


def _one_of(query: Mapping[str, str], name: str, among: Mapping[str, T], default: T) -> T:
    if name not in query:
        return default
    value = query[name].lower()
    if value not in among:
        raise RedisURLError(f"{name} is one of {', '.join(among)}.")
    return among[value]


def _decoded(text: str) -> str:
    if _STRAY_PERCENT.search(text):
        raise RedisURLError(f"It has a % that begins no escape. {_ENCODE}")
    try:
        decoded = unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise RedisURLError("It has escapes that are no UTF-8.") from None
    if "\0" in decoded:
        raise RedisURLError("It has the character NUL, %00.")
    return decoded
