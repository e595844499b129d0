"""API tokens: for programs, with a scope, until they expire or are revoked.

`Authorization: Bearer bgt_…`, as a JWT of a sign-in. What is stored is the token's hash: it has 256
random bits, so a plain one. It is good for as much as its user may do, within its scope
(`batchgen.api.scopes`), and ends as a sign-in does: with another password or a user that is
deactivated. Revoked, it is a family that ended, for the sake of the streams that it opened.
"""

import hashlib
import logging
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import BooleanField, ExpressionWrapper, Q, QuerySet
from django.db.models.functions import Now
from rest_framework_simplejwt.utils import get_md5_hash_password

from batchgen.api.scopes import Scope
from batchgen.errors import NotFound, QuotaReached
from batchgen.models import ApiToken, EndedFamily

PREFIX = "bgt_"
#: Of one user's.
MOST = 50
#: In days.
LONGEST = 3650
#: What is shown of a name moves no cursor and turns no line round, and it begins with something.
_HIDDEN = r"\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069"
NAME = re.compile(rf"^[^\s{_HIDDEN}][^{_HIDDEN}]{{0,99}}$")
_FORM = re.compile(rf"{PREFIX}[\w-]{{43}}", re.ASCII)
#: It is time to write down again that a token is used.
_LATE = Q(last_used_at=None) | Q(last_used_at__lt=Now() - timedelta(minutes=1))
#: Longer than any stream lives that one opened.
_REMEMBERED = timedelta(days=1)

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class ApiBearer:
    """A token that was brought: what `request.auth` then is."""

    id: UUID
    scope: Scope
    expires_at: datetime | None


@transaction.atomic
def token_make(
    *, user: User, name: str, scope: Scope, days: int | None = None
) -> tuple[ApiToken, str]:
    """A new token, and what it reads: nobody can find that out again.

    Args:
        days: that it is good for; None: until it is revoked.

    Raises:
        QuotaReached: the user has MOST.
        NotFound: the user was deleted just now.
    """
    held = User.objects.select_for_update(no_key=True).filter(pk=user.pk).first()
    if held is None:
        raise NotFound
    used = tokens_of(user=user).count()
    if used >= MOST:
        raise QuotaReached(
            f"You have {used} of at most {MOST} API tokens. Revoke one that nobody uses.",
            limit=MOST,
            used=used,
            needed=1,
        )
    secret = PREFIX + secrets.token_urlsafe(32)
    token = ApiToken.objects.create(
        user=user,
        name=name,
        secret_hash=_hash(secret),
        password_mark=get_md5_hash_password(held.password),
        write=scope.write,
        contents=scope.contents,
        expires_at=None if days is None else Now() + timedelta(days=days),
    )
    token.refresh_from_db()
    log.info("API token %s of user %s made", token.pk, user.pk)
    return token, secret


def tokens_of(*, user: User) -> "QuerySet[ApiToken]":
    """The user's tokens that are good, but for those of an earlier password."""
    return ApiToken.objects.filter(_unexpired(), user=user)


@transaction.atomic
def token_revoke(*, user: User, token_id: UUID) -> None:
    """No request with the token is answered from now on, and streams that it opened end.

    Raises:
        NotFound: the user has no such token.
    """
    gone, _ = ApiToken.objects.filter(pk=token_id, user=user).delete()
    if not gone:
        raise NotFound
    EndedFamily.objects.bulk_create(
        [EndedFamily(family=token_id, expires_at=Now() + _REMEMBERED)], ignore_conflicts=True
    )
    log.info("API token %s of user %s revoked", token_id, user.pk)


def token_mine(*, user: User, data: dict[str, str]) -> None:
    """Return where the token of an answer is the user's.

    Raises:
        NotFound: it is not, or not any more.
    """
    if not tokens_of(user=user).filter(pk=UUID(data["id"])).exists():
        raise NotFound


def is_api_token(raw: str) -> bool:
    """Whether it looks like one, and not like a JWT."""
    return raw.startswith(PREFIX)


def bearer_find(raw: str) -> tuple[User, ApiBearer] | None:
    """Whose token this is, and what it may be used for; None: it is not good, or not any more."""
    if not _FORM.fullmatch(raw):
        return None
    good = ApiToken.objects.filter(_unexpired(), secret_hash=_hash(raw), user__is_active=True)
    noted = ExpressionWrapper(~_LATE, BooleanField())
    token = good.select_related("user").annotate(noted=noted).first()
    if token is None or token.password_mark != get_md5_hash_password(token.user.password):
        return None
    if not token.noted:
        _note(token.pk)
    scope = Scope(write=token.write, contents=token.contents)
    return token.user, ApiBearer(id=token.pk, scope=scope, expires_at=token.expires_at)


@transaction.atomic
def _note(token_id: UUID) -> None:
    """That it is used. Nobody waits: who has the row is noting the same, or revoking it."""
    rows = ApiToken.objects.filter(_LATE, pk=token_id)
    if rows.select_for_update(skip_locked=True).exists():
        rows.update(last_used_at=Now())


def _unexpired() -> Q:
    return Q(expires_at=None) | Q(expires_at__gt=Now())


def _hash(raw: str) -> str:
    return hashlib.sha256(raw.encode()).hexdigest()
