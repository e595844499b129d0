"""Certificates of TLS, made for a test: an authority, a server's, a client's."""

from dataclasses import dataclass
from pathlib import Path

import trustme


@dataclass(frozen=True)
class Certificates:
    """PEM files: the authority's certificate, and two keys with their certificates in one file."""

    ca: Path
    server: Path
    client: Path


def certificates(directory: Path, *, host: str = "127.0.0.1") -> Certificates:
    """New ones; the server's is for this host."""
    made = Certificates(*(directory / f"{name}.pem" for name in ("ca", "server", "client")))
    directory.mkdir(parents=True, exist_ok=True)
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(made.ca))
    authority.issue_cert(host).private_key_and_cert_chain_pem.write_to_path(str(made.server))
    authority.issue_cert("batchgen").private_key_and_cert_chain_pem.write_to_path(str(made.client))
    return made
