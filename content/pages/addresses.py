"""Addresses of pages: which are taken, and when two of them are the same page. Pure."""

import hashlib
import re
import unicodedata
from urllib.parse import SplitResult, quote, urlsplit

_REFUSAL = (
    "Give an address as https://shop.example/rope, or a path that begins with one slash: /rope."
)
_SPACES = re.compile(r"\s")
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_RESERVED = "%/:@!$&'()*+,;=?[]~"
_PORTS = {"http": 80, "https": 443}
#: Of a name in DNS.
_HOST_CHARS = 253


def address_key(url: str) -> str:
    """The same 64 hex digits for all ways to write the address of one page.

    Scheme, case and spelling of the host, usual ports, the way in which characters are escaped,
    `.` and `..`, a slash at the end and what stands behind `#` make no other page. The rest does:
    a path's case, the query, a host with `www.` before it.

    Raises:
        ValueError: it is no address of a page; the sentence is for people.
    """
    if _SPACES.search(url):
        raise ValueError("An address has no spaces; a space in it is written %20.")
    if "\\" in url:
        raise ValueError("An address has no backslashes.")
    try:
        parts = urlsplit(url)
        host = _host(parts)
    except ValueError as error:
        raise ValueError(_REFUSAL) from error
    if parts.username is not None or parts.password is not None:
        raise ValueError("An address has no user name and no password.")
    path = "/".join(_steps(_escaped(parts.path)))
    query = f"?{_escaped(parts.query)}" if parts.query else ""
    return hashlib.sha256(f"{host}/{path}{query}".encode()).hexdigest()


def _host(parts: SplitResult) -> str:
    if not parts.scheme and not parts.netloc and parts.path.startswith("/"):
        return ""
    usual = _PORTS.get(parts.scheme)
    name = parts.hostname
    if usual is None or not name or len(name) > _HOST_CHARS:
        raise ValueError("no page of a website")
    name = unicodedata.normalize("NFC", name).rstrip(".").encode("idna").decode()
    port = parts.port
    return name if port in {None, usual} else f"{name}:{port}"


def _steps(path: str) -> list[str]:
    steps: list[str] = []
    for step in path.split("/"):
        if step == "..":
            del steps[-1:]
        elif step not in {"", "."}:
            steps.append(step)
    return steps


def _escaped(text: str) -> str:
    def plain(found: re.Match[str]) -> str:
        character = chr(int(found[1], 16))
        return character if character in _UNRESERVED else found[0].upper()

    return quote(_ESCAPE.sub(plain, unicodedata.normalize("NFC", text)), safe=_RESERVED)
