"""Forms of pages: what was typed goes through the API's own serializers, and comes back with what
is wrong with it."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.serializers import Serializer

from batchgen.api.error_envelope import failure_of
from batchgen.api.operations import valid
from batchgen.api.paging import DEFAULT_LIMIT, page_of
from batchgen.db.compiled_query import CompiledRows
from batchgen.errors import BatchgenError, Forbidden, NotFound, Throttled, ValidationFailed
from web.page import show, told

#: What a form may be refused with.
REFUSALS = (BatchgenError, APIException)
#: These are no matter of what was typed.
_OF_THE_PAGE = (Forbidden, NotFound, Throttled)


def typed(form: QueryDict, names: Iterable[str]) -> dict[str, str]:
    """The fields that have something in them, as browsers send them: with lines that end in LF."""
    found = {name: form.get(name, "").replace("\r\n", "\n") for name in names}
    return {name: text for name, text in found.items() if text.strip()}


def dollars(form: QueryDict, name: str) -> str | None:
    """An amount as people type it, `$12.50`, as the API takes it; None for nothing."""
    return form.get(name, "").strip().removeprefix("$") or None


def told_wrong(request: HttpRequest, error: ValidationError, back: str) -> HttpResponse:
    """Back to the page of a form of one field, which tells what is wrong with that."""
    details = failure_of(error).body["error"]["details"].values()
    texts = [text for found in details for text in ([found] if isinstance(found, str) else found)]
    return told(request, ValidationFailed(" ".join(texts)), back)


def asked(request: HttpRequest, serializer: type[Serializer[Any]]) -> dict[str, Any]:
    """What this page's address asks for, as a list of the API reads it; empty fields of a form and
    what else stands there mean nothing.

    Raises:
        rest_framework.exceptions.ValidationError: a value that it does not take.
    """
    fields = serializer().fields
    return valid(
        serializer, {name: text for name, text in request.GET.items() if name in fields and text}
    )


def form_refused(
    request: HttpRequest, error: Exception, template: str, context: Mapping[str, Any]
) -> HttpResponse:
    """The form again, with what was typed, and what is wrong.

    Raises:
        BatchgenError: the error, where it does not come from what was typed.
    """
    if isinstance(error, _OF_THE_PAGE):
        raise error
    failure = failure_of(error)
    problem = {"problem": failure.body["error"], "code": failure.body["error"]["code"]}
    return show(request, template, {**context, **problem}, status=failure.status)


class Rows:
    """A page of a list, and where its neighbours are."""

    def __init__(
        self,
        request: HttpRequest,
        rows: "QuerySet[Any] | CompiledRows[Any]",
        *,
        keys: tuple[str, ...],
        beside: Callable[[list[Any]], list[int]] | None = None,
    ) -> None:
        self.found: list[Model]
        limited = request.GET.copy()
        limited["limit"] = str(DEFAULT_LIMIT)
        self.found, page = page_of(rows, keys=keys, query=limited, beside=beside)
        self.next, self.previous = page["next"], page["previous"]

    def __iter__(self) -> Any:
        return iter(self.found)

    def __len__(self) -> int:
        return len(self.found)
