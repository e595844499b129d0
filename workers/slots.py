"""A process's slots, by the user whose item each carries."""

from collections import Counter


class FairShareReached(Exception):
    """The user has its share of the slots, and others may be waiting behind this message."""


class Slots:
    """Who takes more than a share lets others' messages be read first. Of one loop."""

    def __init__(self, count: int) -> None:
        self._count = count
        #: Users with runs that can go on, in the whole installation, as last heard.
        self.users = 1
        self._taken: Counter[str] = Counter()

    def take(self, user: str, *, weight: int, requeued: bool) -> None:
        """Take a slot.

        Args:
            requeued: the message has let others go first; nobody else waits.

        Raises:
            FairShareReached: none was taken.
        """
        if not requeued and self.users > 1 and self._taken[user] >= self.share(weight):
            raise FairShareReached
        self._taken[user] += 1

    def share(self, weight: int) -> int:
        """How many a user of that weight has before others."""
        # Heard before this message's run began, there may have been no user.
        return max(1, self._count * weight // max(1, self.users))

    def has(self, user: str) -> bool:
        """Whether the user has any."""
        return user in self._taken

    def free(self, user: str) -> None:
        """Give a slot back."""
        self._taken[user] -= 1
        if not self._taken[user]:
            del self._taken[user]
