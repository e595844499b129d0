"""Rate limits of the API and the pages: requests a minute of one user or, signed out, of one
address.

Counted in Redis, over all web processes. While Redis is away nobody is held up: this limit keeps
a client that runs wild from the others' time; guessing passwords is limited in `sign_in`.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from time import monotonic
from typing import TYPE_CHECKING
from uuid import uuid4

from django.conf import settings
from django.http import HttpRequest
from redis.exceptions import RedisError
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from batchgen.errors import Throttled
from batchgen.http.proxies import client_address
from batchgen.redis import client as redis

if TYPE_CHECKING:  # its module asks for this one while it is loaded
    from rest_framework.views import APIView

_WINDOW_S = 60
#: After an error Redis is not asked for so long, so that one that hangs holds up few requests.
_REST_S = 5.0
_rest = {"until": 0.0}
#: Work that is held to one at a time takes a second, on a busy machine some.
_HELD_S = 30
_GIVE_BACK = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end"


class RequestThrottle(BaseThrottle):
    """All requests together."""

    scope = "requests"
    _wait_s = 1

    def most(self) -> int:
        """How many in a minute; 0: any number."""
        return settings.REQUESTS_PER_MINUTE

    def allow_request(self, request: Request, view: "APIView") -> bool:
        if not self.most():
            return True
        who = _who(request.user.pk, request._request)
        counted, self._wait_s = _counted(f"{self.scope}:{who}")
        return counted <= self.most()

    def wait(self) -> float:
        return max(1, self._wait_s)


class MemberThrottle(RequestThrottle):
    """Adding members, which tells whether a name exists."""

    scope = "members"

    def most(self) -> int:
        return settings.MEMBERS_PER_MINUTE


def request_count(request: HttpRequest) -> None:
    """Count a request for a page beside those of the API.

    Raises:
        Throttled: it is one too many.
    """
    _count(request, RequestThrottle())


def member_count(request: HttpRequest) -> None:
    """Count a member that is added on a page beside those of the API; raises as `request_count`."""
    _count(request, MemberThrottle())


def _count(request: HttpRequest, throttle: RequestThrottle) -> None:
    if not throttle.most():
        return
    counted, wait_s = _counted(f"{throttle.scope}:{_who(request.user.pk, request)}")
    if counted > throttle.most():
        raise Throttled("Too many requests. Wait, then try again.", wait_s=max(1, wait_s))


@contextmanager
def one_at_a_time(user_id: int, work: str) -> Iterator[None]:
    """Hold the user's one place for this kind of work, over all web processes. One that dies keeps
    it for _HELD_S; while Redis is away nobody is held up.

    Raises:
        Throttled: another request of the user has the place.
    """
    key, mine = redis.key(f"work:{work}:{user_id}"), uuid4().hex
    if not _taken(key, mine):
        raise Throttled("Another such request of yours is at work. Wait for its answer.", wait_s=1)
    try:
        yield
    finally:
        with suppress(RedisError):
            redis.client().eval(_GIVE_BACK, 1, key, mine)


def _who(user_id: int | None, request: HttpRequest) -> str:
    """The user or, signed out, the address: whose requests are counted together."""
    return f"user:{user_id}" if user_id else client_address(request)


def _taken(key: str, mine: str) -> bool:
    if monotonic() < _rest["until"]:
        return True
    try:
        return bool(redis.client().set(key, mine, nx=True, ex=_HELD_S))
    except RedisError:
        _rest["until"] = monotonic() + _REST_S
        return True


def _counted(name: str) -> tuple[int, int]:
    """How many times this name was counted in its minute, with this one, and the seconds until the
    minute is over. It begins with the first; nothing is counted where Redis cannot say."""
    if monotonic() < _rest["until"]:
        return 0, 0
    key = redis.key(f"throttle:{name}")
    try:
        pipeline = redis.client().pipeline(transaction=False)
        pipeline.set(key, 0, ex=_WINDOW_S, nx=True)
        pipeline.incr(key)
        pipeline.ttl(key)
        _, counted, left_s = pipeline.execute()
        if left_s < 0:  # its minute was over between the commands
            redis.client().expire(key, _WINDOW_S)
    except RedisError:
        _rest["until"] = monotonic() + _REST_S
        return 0, 0
    return int(counted), int(left_s)
