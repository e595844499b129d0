"""So many requests a minute of one user, or signed out, of one address.

Counted in Redis, over all web processes. While Redis is away nobody is held up: this limit keeps
a client that runs wild from the others' time; guessing passwords is limited in `sign_in`.
"""

import math
from time import monotonic, time
from typing import TYPE_CHECKING

from django.conf import settings
from redis.exceptions import RedisError
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from batchgen import redis
from batchgen.sign_in import client_address

if TYPE_CHECKING:  # its module asks for this one while it is loaded
    from rest_framework.views import APIView

_WINDOW_S = 60
#: After an error Redis is not asked for so long, so that one that hangs holds up few requests.
_REST_S = 5.0
_rest = {"until": 0.0}


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
        at = time()
        user_id = request.user.pk
        who = f"user:{user_id}" if user_id else client_address(request._request)
        window = math.floor(at / _WINDOW_S)
        self._wait_s = math.ceil((window + 1) * _WINDOW_S - at)
        return _counted(f"{self.scope}:{who}:{window}") <= self.most()

    def wait(self) -> float:
        return max(1, self._wait_s)


class MemberThrottle(RequestThrottle):
    """Adding members, which tells whether a name exists."""

    scope = "members"

    def most(self) -> int:
        return settings.MEMBERS_PER_MINUTE


def _counted(name: str) -> int:
    """How many times this name was counted, with this one; 0 where Redis cannot say."""
    if monotonic() < _rest["until"]:
        return 0
    key = redis.key(f"throttle:{name}")
    try:
        pipeline = redis.client().pipeline(transaction=False)
        pipeline.incr(key)
        pipeline.expire(key, 2 * _WINDOW_S)
        counted, _ = pipeline.execute()
    except RedisError:
        _rest["until"] = monotonic() + _REST_S
        return 0
    return int(counted)
