"""Sign-in for programs: a token for a name and a password, and a new one for an old."""

from typing import Any

from django.contrib.auth import get_user_model
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework_simplejwt.exceptions import InvalidToken
from rest_framework_simplejwt.serializers import TokenObtainPairSerializer, TokenRefreshSerializer
from rest_framework_simplejwt.views import TokenObtainPairView, TokenRefreshView

from batchgen.api import operation


class TokensOutput(serializers.Serializer[Any]):
    access = serializers.CharField(help_text="Goes into `Authorization: Bearer …`.")
    refresh = serializers.CharField(help_text="Buys a new access token once the old one expired.")


class AccessOutput(serializers.Serializer[Any]):
    access = serializers.CharField()


class RefreshInput(TokenRefreshSerializer):
    """Also refuses the token of a user who was deleted."""

    def validate(self, attrs: dict[str, Any]) -> dict[str, str]:
        try:
            return super().validate(attrs)
        except get_user_model().DoesNotExist as error:
            raise InvalidToken("The user of this token no longer exists.") from error


class TokenView(TokenObtainPairView):
    @operation(
        "tokenCreate",
        "Sign in",
        tag="auth",
        request=TokenObtainPairSerializer,
        response=TokensOutput,
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().post(request, *args, **kwargs)


class TokenRefresh(TokenRefreshView):
    serializer_class = RefreshInput

    @operation(
        "tokenRefresh",
        "Get a new access token",
        tag="auth",
        request=RefreshInput,
        response=AccessOutput,
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().post(request, *args, **kwargs)
