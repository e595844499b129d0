"""`Idempotency-Key`: a repeated POST does its work once and gets the first answer again."""

import hashlib
import json
from collections.abc import Callable
from datetime import timedelta
from functools import partial, wraps
from operator import attrgetter
from typing import Any, TypeVar, cast

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models.functions import Now
from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import NotAuthenticated
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from batchgen.db.expiry import rows_expire
from batchgen.errors import IdempotencyConflict, ValidationFailed
from batchgen.models import IdempotencyKey

HEADER = "Idempotency-Key"
#: Says `true` on an answer that was given before.
REPLAYED = "Idempotent-Replayed"
_MOST_CHARS = 255

PARAMETERS = (
    OpenApiParameter(
        HEADER,
        {"type": "string", "minLength": 1, "maxLength": _MOST_CHARS},
        OpenApiParameter.HEADER,
        description=(
            "Any text that is new for this user. The same key with the same body gets the first "
            f"answer again, with `{REPLAYED}: true`; with another body, or elsewhere, 409 "
            "IDEMPOTENCY_CONFLICT. An error is not kept: send the request again."
        ),
    ),
    OpenApiParameter(
        REPLAYED,
        {"type": "string", "enum": ["true"]},
        OpenApiParameter.HEADER,
        response=[201, 202],
        description="The answer was given before.",
    ),
)

_Post = TypeVar("_Post", bound=Callable[..., Response])
#: What raises where the user may not do this (any more), from `user` and what the address names;
#: where the address names nothing, from `user` and the answer's `data`.
Allowed = Callable[..., object]


def idempotent(method: _Post, *, allowed: Allowed, of_answer: bool = False) -> _Post:
    """A view's `post` that heeds the header. With it, all that the method does is one
    transaction; what it leaves to `on_commit` happens before the answer is sent.

    An answer with something that is not to be stored has it without that as `kept`, and its view's
    `replayed` puts it back.

    Args:
        allowed: asked before an answer is given again, for a right may have ended since.
        of_answer: it takes the answer's `data`, not the address's parts.
    """

    @wraps(method)
    def post(view: Any, request: Request, **kwargs: Any) -> Response:
        key = request.headers.get(HEADER)
        work = partial(method, view, request, **kwargs)
        if key is None:
            return work()
        answered = _once(request, _checked(key), work)
        if isinstance(answered, IdempotencyKey):
            data = json.loads(answered.body)
            same = answered.request_hash == _hash_of(request)
            # The answer to another request, perhaps elsewhere, does not say what this one is of.
            if same or not of_answer:
                allowed(user=request.user, **({"data": data} if of_answer else kwargs))
            if not same:
                raise IdempotencyConflict
            replayed = getattr(view, "replayed", None)
            data = replayed(data) if replayed else data
            return Response(data, status=answered.status, headers={REPLAYED: "true"})
        return answered

    return cast("_Post", post)


def _once(request: Request, key: str, work: Callable[[], Response]) -> Response | IdempotencyKey:
    """Do the work, or tell what a request with this key was answered. Of two requests with one key
    at the same time, the second waits in the unique index until the first has committed or given
    up."""
    if not isinstance(request.user, User):
        raise NotAuthenticated
    rows_expire(IdempotencyKey)
    with transaction.atomic():
        row, mine = IdempotencyKey.objects.get_or_create(
            user=request.user,
            key=key,
            defaults={
                "request_hash": _hash_of(request),
                "expires_at": Now() + timedelta(seconds=settings.IDEMPOTENCY_KEEP_S),
            },
        )
        if mine:
            response = work()
            row.status = response.status_code
            kept = getattr(response, "kept", response.data)
            row.body = JSONRenderer().render(kept).decode()
            row.save(update_fields=["status", "body"])
            return response
    return row


def _checked(key: str) -> str:
    if not 1 <= len(key) <= _MOST_CHARS:
        message = f"Give 1 to {_MOST_CHARS} characters."
        raise ValidationFailed(f"The header {HEADER} is not valid.", **{HEADER: [message]})
    return key


def _hash_of(request: Request) -> str:
    # What is no JSON is a file of a form.
    body = json.dumps(request.data, sort_keys=True, default=attrgetter("fingerprint"))
    return hashlib.sha256(f"{request.method} {request.path}\n{body}".encode()).hexdigest()
