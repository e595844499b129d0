"""Sign-in over REST: issue, refresh and revoke tokens."""

from typing import Any

from django.contrib.auth import authenticate
from django.contrib.auth.models import User
from rest_framework import serializers
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from batchgen.accounts.login_throttle import PASSWORD_CHARS
from batchgen.accounts.tokens import token_revoke, tokens_for, tokens_renew
from batchgen.api.inputs import PlainText, StrictSerializer
from batchgen.api.operations import operation, valid

_TOKEN_CHARS = 4096


class SignInInput(StrictSerializer):
    username = PlainText(max_length=150)
    password = PlainText(max_length=PASSWORD_CHARS, trim_whitespace=False, write_only=True)


class RefreshInput(StrictSerializer):
    refresh = PlainText(max_length=_TOKEN_CHARS, write_only=True)


class TokensOutput(serializers.Serializer[Any]):
    access = serializers.CharField(help_text="Goes into `Authorization: Bearer …`.")
    refresh = serializers.CharField(
        help_text="Buys a new pair once the access token expired; good once."
    )


class _SignInView(APIView):
    """Needs no sign-in, and does not look at one."""

    authentication_classes: list[Any] = []
    permission_classes: list[Any] = []

    def get_authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="api"'


class TokenView(_SignInView):
    @operation(
        "tokenCreate",
        "Sign in",
        tag="auth",
        request=SignInInput,
        response=TokensOutput,
        description=(
            "After too many wrong tries 429: for the name, from this address or from everywhere. "
            "Where only the address has too many, a right password still signs in; such tries are "
            "looked at one at a time, so repeat one after `Retry-After`."
        ),
    )
    def post(self, request: Request) -> Response:
        user = authenticate(request._request, **valid(SignInInput, request.data))
        if not isinstance(user, User):
            raise AuthenticationFailed("There is no active account with this name and password.")
        return Response(tokens_for(user))


class TokenRefreshView(_SignInView):
    @operation(
        "tokenRefresh",
        "Get a new pair of tokens",
        tag="auth",
        request=RefreshInput,
        response=TokensOutput,
        description=(
            "The refresh token that is sent is spent. One that comes again later ends its sign-in: "
            "all tokens that came from it are refused. A changed password spends all."
        ),
    )
    def post(self, request: Request) -> Response:
        return Response(tokens_renew(valid(RefreshInput, request.data)["refresh"]))


class TokenRevokeView(_SignInView):
    @operation(
        "tokenRevoke",
        "Sign out: spend a refresh token",
        tag="auth",
        request=RefreshInput,
        status=204,
        description="No token that came from the same sign-in is good any more.",
    )
    def post(self, request: Request) -> Response:
        token_revoke(valid(RefreshInput, request.data)["refresh"])
        return Response(status=204)
