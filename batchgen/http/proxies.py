"""Client address and scheme behind reverse proxies: `X-Forwarded-…` is believed only from
BATCHGEN_TRUSTED_PROXIES, because anybody can send it."""

import logging
import re
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

from django.conf import settings
from django.http import HttpRequest

Scope = MutableMapping[str, Any]
App = Callable[[Any, Any, Any], Awaitable[None]]
Address = IPv4Address | IPv6Address

log = logging.getLogger(__name__)

_PROXIED = "batchgen.proxied"
#: An address as proxies write it: perhaps in brackets, perhaps with a port.
_HOP = re.compile(r"\[([^\]]+)\](?::\d+)?|([0-9.]+):\d+", re.ASCII)
#: RFC 7239.
_FOR = re.compile(r'(?:^|[;,\s])for="?([^",;\s]+)', re.IGNORECASE)
_PROTO = re.compile(r'(?:^|[;,\s])proto="?([^",;\s]+)', re.IGNORECASE)
#: One household or server has as many addresses of IPv6 as these bits leave.
_IPV6_PREFIX = 64
_SCHEMES = {"http": "http", "ws": "http", "https": "https", "wss": "https"}
#: How the headers begin that proxies and content networks add to a request.
_SIGNS = (
    "x-forward", "forwarded", "via", "x-real-", "x-client-", "x-cluster-client-", "x-original-",
    "x-scheme", "x-url-scheme", "x-host", "x-proxy", "x-remote-", "x-envoy-", "x-amz", "x-azure-",
    "x-arr-", "x-appengine-", "x-cloud-trace-", "x-varnish", "x-sucuri-", "x-vercel-", "x-nf-",
    "client-ip", "true-client-ip", "proxy-", "wl-proxy-", "front-end-https", "cf-", "cdn-",
    "fastly-", "fly-", "akamai-", "incap-", "do-connecting-ip", "surrogate-",
)  # fmt: skip


class Proxies:
    """Around an ASGI application: gives it the client, the scheme and the path of the outside."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._told = False

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """One request."""
        if scope["type"] == "http":
            scope = _under_root(self._seen(scope))
        await self._app(scope, receive, send)

    def _seen(self, scope: Scope) -> Scope:
        peer = address_of(scope["client"][0]) if scope.get("client") else None
        headers = _Headers(scope["headers"])
        if not is_trusted(peer):
            self._tell_once(peer, headers)
            return scope
        client, scheme = _client(peer, headers.hops()), headers.scheme()
        return {
            **scope,
            _PROXIED: True,
            "client": scope.get("client") if client == peer else (str(client), 0),
            "scheme": scheme or scope["scheme"],
        }

    def _tell_once(self, peer: Address | None, headers: "_Headers") -> None:
        if not self._told and (headers.hops() or headers.scheme()):
            self._told = True
            log.warning(
                "%s sends X-Forwarded-… and is not believed. If it is your proxy, add it to "
                "BATCHGEN_TRUSTED_PROXIES.",
                peer or "A Unix socket",
            )


def client_address(request: HttpRequest | None) -> str:
    """Who asks, as far as an address tells: of IPv6 the network. Behind proxies that are trusted
    it is the client's own."""
    return client_network(address_of(request.META.get("REMOTE_ADDR", "")) if request else None)


def is_proxied(request: HttpRequest) -> bool:
    """Whether the request has the marks of a proxy; one that adds no header is known where it is
    trusted."""
    if getattr(request, "scope", {}).get(_PROXIED):
        return True
    return any(name.lower().startswith(_SIGNS) for name in request.headers)


def address_of(text: str) -> Address | None:
    """The address that a text is, with a port or without; None: it is none."""
    text = text.strip()
    found = _HOP.fullmatch(text)
    try:
        address = ip_address(found[1] or found[2] if found else text)
    except ValueError:
        return None
    # What a socket for both families calls a peer that came by IPv4.
    return getattr(address, "ipv4_mapped", None) or address


def client_network(address: Address | None) -> str:
    """Who asks, as far as an address tells: of IPv6 the network."""
    if address is None or address.version == 4:
        return str(address or "")
    return str(ip_network((address.packed, _IPV6_PREFIX), strict=False))


class _Headers:
    """What the proxies said. `Forwarded` counts where no X-Forwarded header is."""

    def __init__(self, headers: Iterable[tuple[bytes, bytes]]) -> None:
        found: dict[bytes, list[str]] = {}
        for name, value in headers:
            if name in {b"x-forwarded-for", b"x-forwarded-proto", b"forwarded"}:
                found.setdefault(name, []).append(value.decode("latin-1"))
        self._for = ",".join(found.get(b"x-forwarded-for", ()))
        self._proto = ",".join(found.get(b"x-forwarded-proto", ()))
        self._standard = "" if self._for or self._proto else ",".join(found.get(b"forwarded", ()))

    def hops(self) -> list[str]:
        """Who asked whom, the proxy before us last."""
        return self._for.split(",") if self._for else _FOR.findall(self._standard)

    def scheme(self) -> str | None:
        """What the client used; each proxy may have added its own behind."""
        found = _PROTO.search(self._standard)
        given = found[1] if found else self._proto.partition(",")[0]
        return _SCHEMES.get(given.strip().lower())


def is_trusted(peer: Address | None) -> bool:
    """Whether who connects from there is believed what it says of others."""
    networks = settings.TRUSTED_PROXIES
    return networks is None or (peer is not None and any(peer in network for network in networks))


def _client(peer: Address | None, hops: list[str]) -> Address | None:
    """From the right, over proxies that are trusted: what stands left of the first other one is
    its own word. Where every peer is trusted, none but the peer is a proxy."""
    client = peer
    for text in reversed(hops):
        hop = address_of(text)
        if hop is None:
            break
        client = hop
        if settings.TRUSTED_PROXIES is None or not is_trusted(hop):
            break
    return client


def _under_root(scope: Scope) -> Scope:
    """The path with the prefix that it has outside, whether or not the proxy took it off."""
    served: str = scope.get("root_path", "").rstrip("/")
    root = settings.ROOT_PATH or served
    if not root:
        return scope
    rest = str(scope["path"]).removeprefix(served)
    if rest == root or rest.startswith(f"{root}/"):
        rest = rest.removeprefix(root)
    return {**scope, "root_path": root, "path": f"{root}{rest or '/'}"}
