"""Whether a Host header names an internal host: for Flower, a worker's port and open metrics.

A page of a stranger can have its own name resolve to 127.0.0.1 and then read what answers there
(DNS rebinding). Such a name is one of the public DNS, so it has a dot and is no address.
"""

import ipaddress
from contextlib import suppress

from django.conf import settings
from django.http.request import split_domain_port, validate_host


def is_internal_host(host: str) -> bool:
    """An address, a name without a dot as compose and clusters give, one that is allowed, or none,
    which no browser sends."""
    if not host:
        return True
    name, _ = split_domain_port(host)
    with suppress(ValueError):
        ipaddress.ip_address(name.removeprefix("[").removesuffix("]"))
        return True
    return bool(name) and ("." not in name or validate_host(name, settings.ALLOWED_HOSTS))
