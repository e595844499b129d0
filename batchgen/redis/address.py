"""A parsed REDIS_URL: hosts, credentials, TLS, as every client takes them."""

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


class RedisURLError(ValueError):
    """The URL cannot be served; the text says why and what to write, and holds no secret."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Tls:
    """How the server's certificate is checked, and which one is shown to it."""

    verify: bool = True
    check_hostname: bool = True
    #: A file, and a folder, with the authorities' certificates; by default the system's.
    ca_file: str | None = None
    ca_path: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    key_password: str | None = field(default=None, repr=False)
    least_version: ssl.TLSVersion | None = None

    def options(self) -> dict[str, Any]:
        """As redis-py's connections take it."""
        return {
            "ssl_cert_reqs": "required" if self.verify else "none",
            "ssl_check_hostname": self.verify and self.check_hostname,
            "ssl_ca_certs": self.ca_file,
            "ssl_ca_path": self.ca_path,
            "ssl_certfile": self.cert_file,
            "ssl_keyfile": self.key_file,
            "ssl_password": self.key_password,
            "ssl_min_version": self.least_version,
        }

    def check_files(self) -> None:
        """Read them as a connection will.

        Raises:
            RedisURLError: one is missing, unreadable or something else.
        """
        context = ssl.create_default_context()
        _check_readable("ssl_ca_certs", self.ca_file)
        _check_readable("ssl_certfile", self.cert_file)
        _check_readable("ssl_keyfile", self.key_file)
        if self.ca_path and not Path(self.ca_path).is_dir():
            raise RedisURLError(f"ssl_ca_path: {self.ca_path} is no folder.")
        try:
            if self.ca_file:
                context.load_verify_locations(self.ca_file)
        except ssl.SSLError:
            raise RedisURLError(
                f"ssl_ca_certs: {self.ca_file} has no certificate in PEM."
            ) from None
        try:
            if self.cert_file:
                # Without any password OpenSSL would ask for one at the terminal.
                context.load_cert_chain(self.cert_file, self.key_file, self.key_password or "")
        except ssl.SSLError:
            raise RedisURLError(
                "ssl_certfile and ssl_keyfile are no certificate and its key in PEM, "
                "or ssl_password does not open the key."
            ) from None


@dataclass(frozen=True, kw_only=True, slots=True)
class RedisAddress:
    """Where Redis is, and who we are there."""

    #: The server, or the Sentinels that tell where it is; none for a socket.
    hosts: tuple[tuple[str, int], ...] = ()
    socket: str = ""
    #: What the Sentinels call the server; empty without them.
    service: str = ""
    db: int = 0
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    sentinel_username: str | None = None
    sentinel_password: str | None = field(default=None, repr=False)
    tls: Tls | None = None
    #: Of RESP; None: the client's own choice.
    protocol: int | None = None

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not be shown."""
        keys = self.tls.key_password if self.tls else None
        return tuple(filter(None, (self.password, self.sentinel_password, keys)))

    def __str__(self) -> str:
        """The URL for people, without what is secret."""
        if self.socket:
            return f"unix://{self.socket}?db={self.db}"
        scheme = f"redis{'s' if self.tls else ''}{'+sentinel' if self.service else ''}"
        hosts = ",".join(
            f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in self.hosts
        )
        service = f"{self.service}/" if self.service else ""
        return f"{scheme}://{hosts}/{service}{self.db}"


def _check_readable(name: str, path: str | None) -> None:
    try:
        if path is not None:
            Path(path).read_bytes()
    except OSError as error:
        raise RedisURLError(f"{name}: {path} cannot be read: {error.strerror}.") from None
