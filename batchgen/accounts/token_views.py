"""API tokens over REST: each user's own, for who signed in with a password."""
# ruff: noqa: N815 - a field's name is its key in the JSON

from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from batchgen.accounts.api_tokens import (
    LONGEST,
    MOST,
    NAME,
    token_make,
    token_mine,
    token_revoke,
    tokens_of,
)
from batchgen.api.inputs import ListOf, PlainText, StrictSerializer, WholeNumber
from batchgen.api.operations import operation, page_response, query_of, signed_in, valid
from batchgen.api.output import shown
from batchgen.api.scopes import Scope
from batchgen.errors import QuotaReached
from batchgen.models import ApiToken

_SCOPES = ["read", "write", "contents"]
_TOLD = (
    "`read`: requests that change nothing. `write`: all others, too. `contents`: what people, "
    "files and the model wrote; without it routes that show nothing else are refused, and texts "
    "elsewhere are null."
)


class ApiTokenOutput(serializers.ModelSerializer[ApiToken]):
    scopes = serializers.SerializerMethodField(help_text=_TOLD)
    createdAt = serializers.DateTimeField(source="created_at")
    expiresAt = serializers.DateTimeField(
        source="expires_at", allow_null=True, help_text="Null: it is good until it is revoked."
    )
    lastUsedAt = serializers.DateTimeField(
        source="last_used_at", allow_null=True, help_text="To the minute; null: never."
    )

    class Meta:
        model = ApiToken
        fields: tuple[str, ...] = ("id", "name", "scopes", "createdAt", "expiresAt", "lastUsedAt")
        read_only_fields = fields

    @extend_schema_field(serializers.ListField(child=serializers.ChoiceField(_SCOPES)))
    def get_scopes(self, token: ApiToken) -> list[str]:
        held = {"read": True, "write": token.write, "contents": token.contents}
        return [scope for scope in _SCOPES if held[scope]]


class ApiTokenMadeOutput(ApiTokenOutput):
    token = serializers.CharField(
        read_only=True,
        allow_null=True,
        help_text=(
            "Goes into `Authorization: Bearer …`. It is shown this once, and null where the answer "
            "is given again."
        ),
    )

    class Meta(ApiTokenOutput.Meta):
        fields = (*ApiTokenOutput.Meta.fields, "token")
        read_only_fields = fields


class NameField(PlainText):
    """A token's name."""

    default_error_messages: ClassVar = {
        "form": "Begin with something that is seen, and leave out line breaks and other controls."
    }

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=100, trim_whitespace=False, **kwargs)
        self.pattern = NAME.pattern

    def check(self, text: str) -> None:
        super().check(text)
        if not NAME.fullmatch(text):
            self.fail("form")


class ApiTokenInput(StrictSerializer):
    name = NameField(help_text="For people: what uses it.")
    scopes = ListOf(
        child=serializers.ChoiceField(_SCOPES),
        min_length=1,
        max_length=len(_SCOPES),
        default=["read"],
        help_text=f"{_TOLD} `read` is always among them.",
    )
    days = WholeNumber(
        default=None,
        allow_null=True,
        min_value=1,
        max_value=LONGEST,
        help_text="That it is good for; null: until it is revoked.",
    )

    answered = ApiTokenMadeOutput.Meta.fields


class TokenResponse(Response):
    """The answer with a new token. What is kept of it for a repetition has none."""

    def __init__(self, token: ApiToken, secret: str) -> None:
        without = shown(ApiTokenOutput, token)
        super().__init__({**without, "token": secret}, status=201)
        self.kept = {**without, "token": None}


class ApiTokensView(APIView):
    @operation(
        "apiTokenList",
        "List your API tokens",
        tag="auth",
        response=ApiTokenOutput,
        page=True,
    )
    def get(self, request: Request) -> Response:
        query_of(request)
        tokens = tokens_of(user=signed_in(request))
        return page_response(
            request, tokens, keys=("-created_at", "-id"), serializer=ApiTokenOutput
        )

    @operation(
        "apiTokenCreate",
        "Make an API token",
        tag="auth",
        request=ApiTokenInput,
        response=ApiTokenMadeOutput,
        status=201,
        creates=token_mine,
        makes_place=True,
        errors=[QuotaReached],
        description=(
            "For a program that signs in without a password, with less than all that you may do. "
            f"At most {MOST}; another password ends all. Only who signed in with a password makes, "
            "lists and revokes tokens."
        ),
    )
    def post(self, request: Request) -> Response:
        asked = valid(ApiTokenInput, request.data)
        scope = Scope(write="write" in asked["scopes"], contents="contents" in asked["scopes"])
        token, secret = token_make(
            user=signed_in(request), name=asked["name"], scope=scope, days=asked["days"]
        )
        return TokenResponse(token, secret)


class ApiTokenView(APIView):
    @operation("apiTokenRevoke", "Revoke an API token", tag="auth", status=204)
    def delete(self, request: Request, token_id: UUID) -> Response:
        token_revoke(user=signed_in(request), token_id=token_id)
        return Response(status=204)
