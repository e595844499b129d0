"""TLS in front of a server that speaks none."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from tests.certificates import Certificates
from tests.relay import relayed


@contextmanager
def fronted(port: int, made: Certificates, *, asks: bool = False) -> Iterator[int]:
    """The port where TLS is spoken for what listens on another; `asks` for a certificate."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(made.ca))
    context.load_cert_chain(made.server)
    context.verify_mode = ssl.CERT_REQUIRED if asks else ssl.CERT_NONE
    with relayed("127.0.0.1", port, tls=context) as relay:
        yield relay.port
