"""The open connections of this process: how many there are, and which gives way to a new one."""

from collections import Counter
from typing import Protocol

from django.conf import settings

from batchgen.http.proxies import address_of, household, is_trusted


class Member(Protocol):
    """A connection, as far as the crowd knows it."""

    #: None: it has none (a Unix socket), or it is a proxy's, which many share.
    address: str | None

    def give_way(self) -> None:
        """Close it: it had no request at work."""


class Crowd:
    """Belongs to the event loop.

    A connection waits while no request of it is at work: it is silent, or its next head is not
    whole. Those who wait give way to those who come, the one that waits longest first; so nobody
    keeps others out by opening connections and saying nothing.
    """

    def __init__(self) -> None:
        self._members: set[Member] = set()
        self._by_address: Counter[str] = Counter()
        #: In the order in which they began to.
        self._waiting: dict[Member, None] = {}

    def enter(self, member: Member) -> bool:
        """Count one more, which waits; False where there is no place, and none can be made."""
        if not (self._makes_place(member.address) and self._makes_place(None)):
            return False
        self._members.add(member)
        self._waiting[member] = None
        if member.address is not None:
            self._by_address[member.address] += 1
        return True

    def leave(self, member: Member) -> None:
        """Count one less; nothing where it was not counted."""
        self._waiting.pop(member, None)
        if member not in self._members:
            return
        self._members.remove(member)
        if member.address is not None:
            self._by_address[member.address] -= 1
            if not self._by_address[member.address]:
                del self._by_address[member.address]

    def works(self, member: Member) -> None:
        """A request of it has begun."""
        self._waiting.pop(member, None)

    def waits(self, member: Member) -> None:
        """Its requests are over."""
        if member in self._members:
            self._waiting[member] = None

    def _makes_place(self, address: str | None) -> bool:
        """Whether one more may come from there; None: from anywhere."""
        full = (
            len(self._members) >= settings.CONNECTIONS
            if address is None
            else self._by_address[address] >= settings.CONNECTIONS_PER_ADDRESS
        )
        if not full:
            return True
        like = (each for each in self._waiting if address in {None, each.address})
        oldest = next(like, None)
        if oldest is None:
            return False
        self.leave(oldest)
        oldest.give_way()
        return True


def address_to_count(peer: str | None) -> str | None:
    """Whose connection it is; None where that does not tell people apart."""
    address = address_of(peer) if peer else None
    return None if address is None or is_trusted(address) else household(address)
