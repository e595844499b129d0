"""JWTs for programs: short-lived access tokens, and refresh tokens that can be used once.

All tokens that come from one sign-in are a family, which a claim in each of them names. A refresh
token that comes a second time is in two hands, so its family ends with all that is in it: whoever
is the true one signs in again, and a thief's newer tokens are worth nothing. Two requests at the
same moment, as of two tabs of a browser, are no theft: for some seconds after it was spent a
token is only refused.
"""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Exists, QuerySet
from django.db.models.functions import Now
from django.http import HttpRequest
from rest_framework.request import Request
from rest_framework_simplejwt import tokens
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.exceptions import AuthenticationFailed, InvalidToken, TokenError
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken
from rest_framework_simplejwt.utils import get_md5_hash_password

from batchgen.accounts.api_tokens import ApiBearer, bearer_find, is_api_token
from batchgen.db.compiled_query import CompiledRows
from batchgen.db.expiry import rows_expire
from batchgen.db.ids import new_id_text
from batchgen.models import EndedFamily

_SPENT = "This refresh token is not good any more. Sign in again."
_ENDED = "This sign-in is over. Sign in again."
_NOT_GOOD = "There is no such API token, or it is not good any more."
#: A claim of both kinds of tokens, which goes from one refresh token to the next.
_FAMILY = "family"
#: So long after it was spent a refresh token may come again and be refused for no more than that.
GRACE_S = 10


class BearerAuthentication(JWTAuthentication):
    """`Authorization: Bearer …`, the scheme in any case, as HTTP has it: a JWT or an API token."""

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        """The user, and the token that was brought; None without one.

        Raises:
            InvalidToken: it is not good, or not any more.
        """
        header = self.get_header(request)
        raw = (self.get_raw_token(header) if header else None) or b""
        text = raw.decode("latin-1")
        if not is_api_token(text):
            return super().authenticate(request)
        found = bearer_find(text)
        if found is None:
            raise InvalidToken(_NOT_GOOD)
        # For whose turn it is: see `batchgen.web.turns`.
        request._request.token_user_id = found[0].pk  # type: ignore[attr-defined]  # as above
        return found

    def get_raw_token(self, header: bytes) -> bytes | None:
        scheme, *rest = header.split(maxsplit=1) or [b""]
        return super().get_raw_token(b" ".join([scheme.capitalize(), *rest]))

    def get_user(self, validated_token: tokens.Token) -> Any:
        """The token's user.

        Raises:
            InvalidToken: the sign-in was ended, or the user is deleted or inactive.
        """
        return _user_of(validated_token, otherwise=_ENDED)


def bearer_of(request: HttpRequest) -> str | None:
    """The id in a token that is ours and has not expired, None where there is no such token. No
    more than that: whether the user may still do anything, the request itself finds out."""
    authentication = BearerAuthentication()
    try:
        raw = authentication.get_raw_token(request.headers.get("Authorization", "").encode())
        token = raw and authentication.get_validated_token(raw)
    except AuthenticationFailed:
        return None
    return token.get(api_settings.USER_ID_CLAIM) if token else None


class RefreshToken(tokens.RefreshToken):
    """Written down when it is spent, not when it is made: the database then holds no token that
    is good for anything, and a sign-in costs no write."""

    @classmethod
    def for_user(cls, user: User) -> "RefreshToken":  # type: ignore[override]  # the library's is generic over users
        token = super(tokens.BlacklistMixin, cls).for_user(user)  # past the mixin, on purpose
        token[_FAMILY] = new_id_text()
        return token

    def check_blacklist(self) -> None:
        """Nothing: `_spend` has to know a spent token from one that was never good."""


def tokens_for(user: User, *, family: UUID | None = None) -> dict[str, str]:
    """{access, refresh} for a user who has just proved to be one: a new family, or the next of
    one."""
    refresh = RefreshToken.for_user(user)
    if family is not None:
        refresh[_FAMILY] = str(family)
    return {"access": str(refresh.access_token), "refresh": str(refresh)}


def tokens_renew(raw: str) -> dict[str, str]:
    """{access, refresh} for a refresh token, which is spent with that. Of several requests with
    one token at the same time, one gets new ones: the database decides.

    Raises:
        InvalidToken: it is malformed, expired or spent, or its user may not sign in any more.
    """
    rows_expire(OutstandingToken)
    token, user = _checked(raw)
    _spend(token)
    return tokens_for(user, family=family_of(token))


def token_revoke(raw: str) -> None:
    """Spend a refresh token for nothing and end its family; raises as `tokens_renew`."""
    token, _ = _checked(raw)
    _spend(token)
    _end(token)


def _checked(raw: str) -> tuple[RefreshToken, User]:
    try:
        token = RefreshToken(raw)  # type: ignore[arg-type]  # the library takes text and says Token
    except TokenError as error:
        raise InvalidToken(_SPENT) from error
    return token, _user_of(token, otherwise=_SPENT)


def _user_of(token: tokens.Token, *, otherwise: str) -> User:
    """Whose token it is, in one query.

    Raises:
        InvalidToken: the user is gone, deactivated, or has another password by now; or the token's
            family ended.
    """
    user_id = int(token.payload.get(api_settings.USER_ID_CLAIM, 0))
    user = CompiledRows(_users_in, family=family_of(token), user_id=user_id).first()
    claim = token.payload.get(api_settings.REVOKE_TOKEN_CLAIM)
    if user is None or claim != get_md5_hash_password(user.password):
        raise InvalidToken(otherwise)
    return user


def _users_in(*, family: UUID, user_id: int) -> "QuerySet[User]":
    ended = EndedFamily.objects.filter(pk=family)
    return User.objects.filter(~Exists(ended), pk=user_id, is_active=True)


def _spend(token: RefreshToken) -> None:
    """Blacklist a refresh token that is being used.

    Raises:
        InvalidToken: it was used before. If that is longer ago than GRACE_S, all tokens of its
            sign-in end too; that is committed before the error is raised.
    """
    with transaction.atomic():
        spent: Any = token.blacklist()  # get_or_create's pair, whatever its annotation says
        row, first = spent
        rows = BlacklistedToken.objects.filter(pk=row.pk)
        if first:
            rows.update(blacklisted_at=Now())  # the library takes this machine's clock
        elif rows.filter(blacklisted_at__lt=Now() - timedelta(seconds=GRACE_S)).exists():
            _end(token)
    if not first:
        raise InvalidToken(_SPENT)


def family_of(token: tokens.Token | ApiBearer) -> UUID:
    """Of an API token, and of a JWT from before there were families, its own id: it is one by
    itself."""
    if isinstance(token, ApiBearer):
        return token.id
    return UUID(str(token.payload.get(_FAMILY) or token.payload[api_settings.JTI_CLAIM]))


def has_ended(family: UUID | None) -> bool:
    """Whether no token of the family is good any more."""
    return family is not None and EndedFamily.objects.filter(pk=family).exists()


def _end(token: RefreshToken) -> None:
    """No token of the family is good from now on. Remembered until the last one has expired."""
    rows_expire(EndedFamily)
    life = api_settings.REFRESH_TOKEN_LIFETIME + timedelta(seconds=api_settings.LEEWAY)
    EndedFamily.objects.bulk_create(
        [EndedFamily(family=family_of(token), expires_at=Now() + life)], ignore_conflicts=True
    )
