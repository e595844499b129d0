"""`Idempotency-Key`: a POST that is sent again does its work once and gets its first answer."""

import hashlib
import json
from collections.abc import Callable
from datetime import timedelta
from functools import partial, wraps
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

from batchgen.errors import IdempotencyConflict, ValidationFailed
from batchgen.expiry import rows_expire
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


def idempotent(method: _Post) -> _Post:
    """A view's `post` that heeds the header. With it, all that the method does is one
    transaction; what it leaves to `on_commit` happens before the answer is sent."""

    @wraps(method)
    def post(view: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
        key = request.headers.get(HEADER)
        work = partial(method, view, request, *args, **kwargs)
        return work() if key is None else _once(request, _checked(key), work)

    return cast("_Post", post)


def _once(request: Request, key: str, work: Callable[[], Response]) -> Response:
    """Do the work, or tell what it answered. Of two requests with one key at the same time, the
    second waits in the unique index until the first has committed or given up.

    Raises:
        IdempotencyConflict: the key belongs to another request.
    """
    if not isinstance(request.user, User):
        raise NotAuthenticated
    rows_expire(IdempotencyKey)
    request_hash = _hash_of(request)
    with transaction.atomic():
        row, mine = IdempotencyKey.objects.get_or_create(
            user=request.user,
            key=key,
            defaults={
                "request_hash": request_hash,
                "expires_at": Now() + timedelta(seconds=settings.IDEMPOTENCY_KEEP_S),
            },
        )
        if mine:
            response = work()
            row.status = response.status_code
            row.body = JSONRenderer().render(response.data).decode()
            row.save(update_fields=["status", "body"])
            return response
    if row.request_hash != request_hash:
        raise IdempotencyConflict
    return Response(json.loads(row.body), status=row.status, headers={REPLAYED: "true"})


def _checked(key: str) -> str:
    if not 1 <= len(key) <= _MOST_CHARS:
        message = f"Give 1 to {_MOST_CHARS} characters."
        raise ValidationFailed(f"The header {HEADER} is not valid.", **{HEADER: [message]})
    return key


def _hash_of(request: Request) -> str:
    body = json.dumps(request.data, sort_keys=True)
    return hashlib.sha256(f"{request.method} {request.path}\n{body}".encode()).hexdigest()
