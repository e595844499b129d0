"""What all endpoints share: the envelope, the parser, pages, and the `operation` decorator."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import Model, QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotAuthenticated, UnsupportedMediaType
from rest_framework.parsers import BaseParser
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from batchgen.api.contents import WITHHELD, without_contents
from batchgen.api.idempotency import PARAMETERS as IDEMPOTENCY
from batchgen.api.idempotency import Allowed, idempotent
from batchgen.api.inputs import QuerySerializer
from batchgen.api.openapi_errors import ERRORS
from batchgen.api.output import shown_all
from batchgen.api.paging import DEFAULT_LIMIT, MAX_LIMIT, page_of
from batchgen.api.scopes import scope_of
from batchgen.api.strict_json import MAX_VALUES, JSONRefused, strict_loads
from batchgen.db.compiled_query import CompiledRows
from batchgen.errors import BatchgenError, IdempotencyConflict, PayloadTooLarge, ValidationFailed

#: Of any body but a whole backlog; the longest list that a body can have takes half of it.
MAX_JSON_BYTES = 2_000_000
MAX_JSON_VALUES = 50_000

_LIMIT_SAID = (
    "Rows of a page at most. One that gets longer than about 1 MB ends before its last rows; "
    "`page.next` goes on with them."
)

M = TypeVar("M", bound=Model)
_View = TypeVar("_View", bound=Callable[..., Any])


def page_parameters(default: int = DEFAULT_LIMIT) -> tuple[OpenApiParameter, ...]:
    """What every list takes, with this many rows unless more or fewer are asked for."""
    limit = {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": default}
    cursor = "`page.next` or `page.previous` of an earlier answer."
    return (
        OpenApiParameter("limit", limit, description=_LIMIT_SAID),
        OpenApiParameter("cursor", description=cursor),
    )


class EnvelopeRenderer(JSONRenderer):
    """`{data, error}`, and `page` for a PageResponse. Errors arrive as whole envelopes.

    What a token without the scope `contents` may not see is left out here, of whatever is shown.
    """

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        response = (renderer_context or {}).get("response")
        if response is not None and response.status_code == 204:
            return b""
        if response is None or not response.exception:
            if response is not None and not scope_of((renderer_context or {})["request"]).contents:
                data = without_contents(data)
                response[WITHHELD] = "withheld"
            data = {"data": data, "error": None}
            if isinstance(response, PageResponse):
                data["page"] = response.page
        rendered: bytes = super().render(data, accepted_media_type, renderer_context)
        return rendered


class PageResponse(Response):
    """One page of a list."""

    def __init__(self, data: object, page: dict[str, str | None]) -> None:
        super().__init__(data)
        self.page = page


class StrictJSONParser(BaseParser):
    """A body as `strict_loads` takes it; an empty one is an empty object."""

    media_type = "application/json"

    def parse(
        self,
        stream: Any,
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """The body as Python values.

        Raises:
            PayloadTooLarge: a body without a true Content-Length turned out too large.
            ValidationFailed: not JSON as `strict_json` accepts it.
            UnsupportedMediaType: compressed, or in another charset than UTF-8.
        """
        check_coding(parser_context)
        charset = str((parser_context or {}).get("encoding") or "utf-8").lower()
        if charset not in {"utf-8", "utf8", "us-ascii"}:
            raise UnsupportedMediaType(media_type or "", f"JSON is UTF-8, not {charset[:40]}.")
        most, most_values = _most_of((parser_context or {}).get("view"))
        raw = stream.read(most + 1)
        if len(raw) > most:
            raise PayloadTooLarge(limitBytes=most)
        if not raw:
            return {}
        try:
            return strict_loads(raw, most_values=most_values)
        except JSONRefused as error:
            raise ValidationFailed(f"The body was refused. {error}") from error


def _most_of(view: object) -> tuple[int, int]:
    """The bytes and the values of a body."""
    if getattr(view, "takes_backlogs", False):
        return settings.MAX_BODY_BYTES, MAX_VALUES
    if getattr(view, "takes_uploads", False):
        return settings.MAX_UPLOAD_BODY_BYTES, MAX_JSON_VALUES
    return min(settings.MAX_BODY_BYTES, MAX_JSON_BYTES), MAX_JSON_VALUES


def check_coding(parser_context: Mapping[str, Any] | None) -> None:
    """Raises:
    UnsupportedMediaType: the body is compressed.
    """
    request = (parser_context or {}).get("request")
    coding = request.headers.get("Content-Encoding", "").strip().lower() if request else ""
    if coding not in {"", "identity"}:
        raise UnsupportedMediaType(coding, f'Send the body uncompressed, not as "{coding[:40]}".')


def signed_in(request: Request) -> User:
    """The user, where the view's permissions let nobody else through.

    Raises:
        NotAuthenticated: they let somebody through.
    """
    if not isinstance(request.user, User):
        raise NotAuthenticated
    return request.user


def valid(
    serializer: type[serializers.Serializer[Any]], data: Any, **kwargs: Any
) -> dict[str, Any]:
    """The data as the serializer reads it.

    Raises:
        rest_framework.exceptions.ValidationError: a 400 with the fields that are wrong.
    """
    bound = serializer(data=data, **kwargs)
    bound.is_valid(raise_exception=True)
    return dict(bound.validated_data)


def query_of(
    request: Request, serializer: type[QuerySerializer] = QuerySerializer
) -> dict[str, Any]:
    """The request's parameters as the serializer reads them.

    Raises:
        rest_framework.exceptions.ValidationError: an unknown, a repeated or an invalid one.
    """
    given = request.query_params
    repeated = [name for name, values in given.lists() if len(values) > 1]
    if repeated:
        raise serializers.ValidationError({name[:100]: ["Give it once."] for name in repeated})
    return valid(serializer, given.dict())


def page_response(
    request: Request,
    rows: "QuerySet[M] | CompiledRows[M]",
    *,
    keys: tuple[str, ...],
    serializer: type[serializers.Serializer[Any]],
) -> PageResponse:
    """The page of `rows` that the request asks for; see `page_of`."""
    found, page = page_of(rows, keys=keys, query=request.query_params)
    return PageResponse(shown_all(serializer, found), page)


def operation(
    name: str,
    summary: str,
    *,
    tag: str,
    request: Any = None,
    response: Any = None,
    status: int = 200,
    page: bool = False,
    creates: Allowed | None = None,
    makes_place: bool = False,
    query: Sequence[OpenApiParameter | type[serializers.Serializer[Any]]] = (),
    errors: Sequence[type[BatchgenError]] = (),
    description: str | None = None,
) -> Callable[[_View], _View]:
    """Describe a view's method in the OpenAPI document.

    Args:
        name: the operationId.
        request: a serializer or pydantic model of the body, None where there is none.
        response: a serializer of `data`, None for 204.
        page: the answer is a list in pages.
        creates: the method makes something new, so it heeds `Idempotency-Key`; this raises where
            the user may not (any more), see `batchgen.api.idempotency.idempotent`.
        makes_place: what it makes is nowhere yet, so `creates` is asked about the answer.
        errors: those that its method, address and body do not tell.
    """
    if page:
        response = response(many=True)
    if creates:
        errors = [*errors, IdempotencyConflict]
    describe: Callable[[_View], _View] = extend_schema(
        operation_id=name,
        summary=summary,
        description=description,
        tags=[tag],
        extensions={ERRORS: [error.code for error in errors]},
        request=request,
        responses={status: response},
        parameters=[
            *query,
            *(page_parameters() if page else ()),
            *(IDEMPOTENCY if creates else ()),
        ],
    )
    if creates is None:
        return describe
    return lambda method: describe(idempotent(method, allowed=creates, of_answer=makes_place))
