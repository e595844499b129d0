"""Tokens for programs: a short-lived access token, and a refresh token that is good once."""

from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from rest_framework_simplejwt import tokens
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.exceptions import InvalidToken, TokenError
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.token_blacklist.models import OutstandingToken
from rest_framework_simplejwt.utils import get_md5_hash_password

from batchgen.expiry import rows_expire

_SPENT = "This refresh token is not good any more. Sign in again."


class BearerAuthentication(JWTAuthentication):
    """`Authorization: Bearer …`, the scheme in any case, as HTTP has it."""

    def get_raw_token(self, header: bytes) -> bytes | None:
        scheme, *rest = header.split(maxsplit=1) or [b""]
        return super().get_raw_token(b" ".join([scheme.capitalize(), *rest]))


class RefreshToken(tokens.RefreshToken):
    """Written down when it is spent, not when it is made: the database then holds no token that
    is good for anything, and a sign-in costs no write."""

    @classmethod
    def for_user(cls, user: User) -> "RefreshToken":  # type: ignore[override]  # the library's is generic over users
        return super(tokens.BlacklistMixin, cls).for_user(user)  # past the mixin, on purpose


def tokens_for(user: User) -> dict[str, str]:
    """{access, refresh} for a user who has just proved to be one."""
    refresh = RefreshToken.for_user(user)
    return {"access": str(refresh.access_token), "refresh": str(refresh)}


def tokens_renew(raw: str) -> dict[str, str]:
    """{access, refresh} for a refresh token, which is spent with that. Of several requests with
    one token at the same time, one gets new ones: the database decides.

    Raises:
        InvalidToken: it is malformed, expired or spent, or its user may not sign in any more.
    """
    rows_expire(OutstandingToken)
    with transaction.atomic():
        return tokens_for(_spend(raw))


def token_revoke(raw: str) -> None:
    """Spend a refresh token for nothing; raises as `tokens_renew`."""
    with transaction.atomic():
        _spend(raw)


def _spend(raw: str) -> User:
    try:
        token = RefreshToken(raw)  # type: ignore[arg-type]  # the library takes text and says Token
    except TokenError as error:
        raise InvalidToken(_SPENT) from error
    user = User.objects.filter(pk=token[api_settings.USER_ID_CLAIM], is_active=True).first()
    claim = token.payload.get(api_settings.REVOKE_TOKEN_CLAIM)
    if user is None or claim != get_md5_hash_password(user.password):
        raise InvalidToken(_SPENT)
    spent: Any = token.blacklist()  # get_or_create's pair, whatever its annotation says
    if not spent[1]:
        raise InvalidToken(_SPENT)
    return user
