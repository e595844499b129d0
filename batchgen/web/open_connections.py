"""The open connections of this process: the limit, and which one is closed for a new one."""

from collections import Counter
from typing import Protocol

from django.conf import settings

from batchgen.http.proxies import address_of, client_network, is_trusted


class Evictable(Protocol):
    """A connection that can be closed to make room."""

    #: None: it has none (a Unix socket), or it is a proxy's, which many share.
    address: str | None

    def evict(self) -> None:
        """Close it: no request of it is being served."""


class OpenConnections:
    """Belongs to the event loop.

    A connection is idle while no request of it is being served: it sends nothing, or the head of
    its next request is incomplete. Idle connections are closed for new ones, the longest idle
    first, so nobody keeps others out by opening connections and sending nothing.
    """

    def __init__(self) -> None:
        self._connections: set[Evictable] = set()
        self._by_address: Counter[str] = Counter()
        #: In the order in which they began to.
        self._idle: dict[Evictable, None] = {}

    def admit(self, connection: Evictable) -> bool:
        """Count one more, idle so far; False where there is no room, and none can be made."""
        if not (self._make_room(connection.address) and self._make_room(None)):
            return False
        self._connections.add(connection)
        self._idle[connection] = None
        if connection.address is not None:
            self._by_address[connection.address] += 1
        return True

    def remove(self, connection: Evictable) -> None:
        """Count one less; nothing where it was not counted."""
        self._idle.pop(connection, None)
        if connection not in self._connections:
            return
        self._connections.remove(connection)
        if connection.address is not None:
            self._by_address[connection.address] -= 1
            if not self._by_address[connection.address]:
                del self._by_address[connection.address]

    def mark_busy(self, connection: Evictable) -> None:
        """A request of it has begun."""
        self._idle.pop(connection, None)

    def mark_idle(self, connection: Evictable) -> None:
        """Its requests are over."""
        if connection in self._connections:
            self._idle[connection] = None

    def _make_room(self, address: str | None) -> bool:
        """Whether one more may come from there; None: from anywhere."""
        full = (
            len(self._connections) >= settings.CONNECTIONS
            if address is None
            else self._by_address[address] >= settings.CONNECTIONS_PER_ADDRESS
        )
        if not full:
            return True
        like = (each for each in self._idle if address in {None, each.address})
        oldest = next(like, None)
        if oldest is None:
            return False
        self.remove(oldest)
        oldest.evict()
        return True


def address_to_count(peer: str | None) -> str | None:
    """Whose connection it is; None where that does not tell people apart."""
    address = address_of(peer) if peer else None
    return None if address is None or is_trusted(address) else client_network(address)
