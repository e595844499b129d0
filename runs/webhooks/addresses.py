"""Where webhooks may go: the rules for addresses, pure but for the settings.

An address is looked at three times: as a person types it (`url_refusal`), as it is sent to, for the
settings may have changed (the same), and as the name's addresses are known (`is_allowed`), which is
the one that counts: the connection then goes to that very address (`runs.webhooks.sending`).
"""

import re
import socket
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

from django.conf import settings

Address = IPv4Address | IPv6Address

URL_CHARS = 2_000
_PORTS = {"https": 443, "http": 80}
#: What a URL consists of (RFC 3986); no space, control character, quote or backslash.
_URL = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+", re.ASCII)
#: An address in a host of IPv6: no zone.
_HOST = re.compile(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+", re.ASCII)
#: Networks that are no more global than they look: translations of IPv4 have it in their last bits.
_NAT64 = ip_network("64:ff9b::/96")
_COMPATIBLE = ip_network("::/96")
#: Local-use translation and site-local addresses, which Python has for global.
_LOCAL = tuple(map(ip_network, ("64:ff9b:1::/48", "fec0::/10", "100::/64", "2001::/23")))


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """A URL in the parts that a request is made of."""

    scheme: str
    host: str
    port: int
    #: Path and query.
    target: str

    @property
    def authority(self) -> str:
        """As it stands in the header `Host`."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


def place_of(url: str) -> Place:
    """The URL's parts.

    Raises:
        ValueError: it is none that a webhook can have; a sentence for who typed it.
    """
    if len(url) > URL_CHARS or not _URL.fullmatch(url):
        raise ValueError(
            f"Give an https URL of up to {URL_CHARS:,} plain characters; write others in percent "
            "encoding, and a host's name in punycode."
        )
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError("This is no URL.") from None
    scheme = parts.scheme.lower()
    if scheme not in _PORTS or (scheme == "http" and not settings.WEBHOOK_HTTP):
        raise ValueError(
            "Give a URL that begins with https://; plain http is for whoever runs this server to "
            "allow (BATCHGEN_WEBHOOK_HTTP)."
        )
    if "@" in parts.netloc:
        raise ValueError("Leave the user and the password out: the signature says who sends.")
    if parts.fragment or url.endswith("#"):
        raise ValueError("Leave out what begins with #: it is not sent.")
    host = (parts.hostname or "").rstrip(".")
    if not _HOST.fullmatch(host):
        raise ValueError("The URL has no host.")
    query = f"?{parts.query}" if parts.query else ""
    return Place(
        scheme=scheme,
        host=host,
        port=_PORTS[scheme] if port is None else port,
        target=f"{parts.path or '/'}{query}",
    )


def place_allowed(url: str) -> Place:
    """The URL's parts, where a webhook may go there as far as one can tell without asking for the
    addresses of its name.

    Raises:
        ValueError: it may not; a sentence for who typed it.
    """
    place = place_of(url)
    if place.port not in settings.WEBHOOK_PORTS:
        raise ValueError(
            f"Webhooks do not go to port {place.port}; whoever runs this server can allow it "
            "(BATCHGEN_WEBHOOK_PORTS)."
        )
    literal = _literal(place.host)
    if literal is not None and not is_allowed(literal):
        raise ValueError(refusal(place.host))
    return place


def refusal(host: str) -> str:
    """What is said of an address that is not allowed."""
    return (
        f"{host} is not an address of the public internet, and webhooks go nowhere else; whoever "
        "runs this server can allow more (BATCHGEN_WEBHOOK_NETWORKS)."
    )


def is_allowed(address: Address) -> bool:
    """Whether a webhook may connect to it: a public address, or one that the settings allow."""
    if settings.WEBHOOK_NETWORKS is None:
        return True
    inner = _inner(address)
    if any(each in network for each in (address, inner) for network in settings.WEBHOOK_NETWORKS):
        return True
    return _is_public(address) and _is_public(inner)


def _is_public(address: Address) -> bool:
    return address.is_global and not (
        address.is_multicast
        or address.is_reserved
        or address.is_loopback
        or address.is_link_local
        or address.is_private
        or address.is_unspecified
        or any(address in network for network in _LOCAL)
    )


def _inner(address: Address) -> Address:
    """The IPv4 address that an IPv6 one leads to; itself where there is none."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if address in _NAT64 or (address in _COMPATIBLE and int(address) > 1):
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address


def _literal(host: str) -> Address | None:
    """The address that a host is by itself, in all ways in which systems take one: 127.1,
    0x7f000001 and localhost too."""
    if host.lower() == "localhost" or host.lower().endswith(".localhost"):
        return IPv4Address("127.0.0.1")
    with suppress(ValueError):
        return ip_address(host)
    with suppress(OSError):
        return IPv4Address(socket.inet_aton(host))
    return None


def address_of(text: str) -> Address:
    """An address as the system's resolver gives it, without its zone."""
    return ip_address(text.partition("%")[0])
