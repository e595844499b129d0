"""Whose request is at work: of all clients so many at a time, and of one client fewer."""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from django.conf import settings
from django.contrib.auth.models import User
from django.http import HttpRequest

from batchgen.accounts.tokens import bearer_of
from batchgen.http.proxies import client_address

#: Of one client, of what may be at work at once.
_SHARE = 3
#: Sign-ins whose users are remembered.
_MOST_KNOWN = 10_000


class Turns:
    """Belongs to the event loop. Requests that wait have no thread; their clients go in turns, so
    that who asks for a hundred things at once holds up a hundred of their own."""

    def __init__(self, *, most: int, most_of_one: int) -> None:
        self._most = most
        self._most_of_one = most_of_one
        self._at_work: Counter[str] = Counter()
        #: Of each client those that wait, in their order; the client whose turn is next stands
        #: first.
        self._waiting: dict[str, deque[asyncio.Event]] = {}

    @asynccontextmanager
    async def turn(self, client: str) -> AsyncIterator[None]:
        """Wait for the client's turn, and keep it to the end of the block."""
        if self._may(client):
            self._at_work[client] += 1
        else:
            await self._called(client)
        try:
            yield
        finally:
            self._end(client)

    def _may(self, client: str) -> bool:
        """Nobody who could go waits while there is a place, so nobody is passed by."""
        return self._at_work.total() < self._most and self._at_work[client] < self._most_of_one

    async def _called(self, client: str) -> None:
        mine = asyncio.Event()
        self._waiting.setdefault(client, deque()).append(mine)
        try:
            await mine.wait()
        except asyncio.CancelledError:
            # It hears of that a round of the loop later, and may have been called meanwhile.
            if mine.is_set():
                self._end(client)
            else:
                self._leave(client, mine)
            raise

    def _leave(self, client: str, mine: asyncio.Event) -> None:
        waiting = self._waiting[client]
        waiting.remove(mine)
        if not waiting:
            del self._waiting[client]

    def _end(self, client: str) -> None:
        self._at_work[client] -= 1
        if not self._at_work[client]:
            del self._at_work[client]
        called = next(filter(self._may, self._waiting), None)
        if called is None:
            return
        first, *others = self._waiting.pop(called)
        if others:
            self._waiting[called] = deque(others)  # behind all that wait
        self._at_work[called] += 1
        first.set()


class Clients:
    """Who asks, told before anybody has looked. Belongs to the event loop.

    A token says whose it is; of a session an earlier request has to. Who says neither is an
    address.
    """

    def __init__(self) -> None:
        #: {hash of a token or a session: user's id}.
        self._users: dict[int, str] = {}

    def of(self, request: HttpRequest) -> str:
        """The client's name."""
        sign_in = _sign_in(request)
        if sign_in not in self._users and (user_id := bearer_of(request)):
            self._keep(sign_in, user_id)
        user_id = self._users.get(sign_in)
        return client_address(request) if user_id is None else f"user {user_id}"

    def remember(self, request: HttpRequest) -> None:
        """Take down whose session or API token it was, where answering the request asked for it."""
        user = getattr(request, "_cached_user", None)
        user_id = getattr(request, "token_user_id", None)
        if isinstance(user, User) and "Authorization" not in request.headers:
            user_id = user.pk
        if user_id is not None:
            self._keep(_sign_in(request), str(user_id))

    def _keep(self, sign_in: int, user_id: str) -> None:
        self._users[sign_in] = user_id
        if len(self._users) > _MOST_KNOWN:
            del self._users[next(iter(self._users))]


def _sign_in(request: HttpRequest) -> int:
    """What the request shows, right or wrong. Nobody reads it from the number."""
    session = request.COOKIES.get(settings.SESSION_COOKIE_NAME)
    return hash(request.headers.get("Authorization") or session)


def turns() -> Turns:
    """As many as the process has connections to the database: more would only wait there."""
    most = settings.DATABASE_POOL_SIZE
    return Turns(most=most, most_of_one=max(1, most // _SHARE))
