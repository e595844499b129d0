"""Cursor pagination by key: each page costs the same, and rows that are inserted or deleted
meanwhile are neither repeated nor skipped."""

import base64
import binascii
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import accumulate
from typing import Any, TypeVar

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db.models import CharField, Func, IntegerField, JSONField, Model, Q, QuerySet, TextField
from django.http import QueryDict

from batchgen.db.compiled_query import CompiledRows
from batchgen.errors import ValidationFailed

DEFAULT_LIMIT = 50
MAX_LIMIT = 200
#: Of a page's rows, about. The first is there whatever it has; a page that has more rows than fit
#: ends before them. Two hundred answers that nobody reads are in memory at once.
PAGE_BYTES = 1_000_000
#: The parameters of every list.
PAGE_NAMES = frozenset({"limit", "cursor"})
#: What reading a cursor that batchgen did not write comes to.
_ODD = (binascii.Error, ValueError, TypeError, RecursionError, OverflowError, ValidationError)
#: Fields without a length that is known.
_LONG = (TextField, JSONField, ArrayField)
_BAD_CURSOR = "Take the cursor from `page.next` or `page.previous` of an earlier answer."

M = TypeVar("M", bound=Model)
R = TypeVar("R")
#: A cursor read: is it the way back, and the keys of the row it stands at.
_Cursor = tuple[bool, list[Any]]


def page_of(
    rows: "QuerySet[M] | CompiledRows[M]",
    *,
    keys: tuple[str, ...],
    query: QueryDict,
    beside: "Callable[[list[M]], list[int]] | None" = None,
) -> tuple[list[M], dict[str, str | None]]:
    """One page of `rows`, and `{next, previous}`: the cursors of its neighbours or None. It has
    fewer rows than asked for where more would be too long.

    Args:
        keys: fields of the rows' own table, unique together, all with or all without `-`;
            an index should name them.
        beside: of rows, the bytes of what is shown with each; see PAGE_BYTES.
        query: `limit` (1 to MAX_LIMIT) and `cursor` are read from it.

    Raises:
        ValidationFailed: a limit or a cursor that batchgen did not hand out.
    """
    limit = _limit(query)
    cursor = _cursor(_like(rows).model, keys, query)
    back = cursor is not None and cursor[0]
    descending = keys[0].startswith("-") != back
    names = tuple(key.removeprefix("-") for key in keys)
    if cursor is not None:
        after = {f"value{place}": value for place, value in enumerate(cursor[1])}
        rows = _then(rows, _beyond, names=names, descending=descending, **after)
    order = tuple(f"-{name}" if descending else name for name in names)
    ordered = _then(rows, _ordered, order=order)
    limit = fitting(ordered, limit)
    found = list(_limited(ordered, limit + 1))
    more, found = len(found) > limit, found[:limit]
    if beside and len(found) > 1:
        fit = max(1, sum(total <= PAGE_BYTES for total in accumulate(beside(found))))
        more, found = more or fit < len(found), found[:fit]
    if back:
        found.reverse()
    has_next = bool(found) and (back or more)
    has_previous = bool(found) and (more if back else cursor is not None)
    return found, {
        "next": _written(found[-1], names, back=False) if has_next else None,
        "previous": _written(found[0], names, back=True) if has_previous else None,
    }


def fitting(ordered: "QuerySet[M] | CompiledRows[M]", limit: int) -> int:
    """How many of the first rows a page takes: `limit`, or those of PAGE_BYTES; one at least.

    PostgreSQL measures them, so that what does not fit is never read.

    Args:
        ordered: by columns of the rows' own table.
    """
    like = _like(ordered)
    left_out, _ = like.query.deferred_loading
    fields = like.model._meta.concrete_fields
    read = [f for f in fields if f.name not in left_out]
    if limit == 1 or not any(isinstance(f, _LONG) for f in read):
        return limit
    texts = tuple(f.name for f in read if isinstance(f, (CharField, *_LONG)))
    sizes = list(_then(_limited(ordered, limit), _sizes, texts=texts))
    fit = sum(total <= PAGE_BYTES for total in accumulate(sizes))
    return limit if fit == len(sizes) else max(1, fit)


def _like(rows: "QuerySet[M] | CompiledRows[M]") -> "QuerySet[M]":
    return rows.like() if isinstance(rows, CompiledRows) else rows


def _then(
    rows: "QuerySet[M] | CompiledRows[M]", make: Callable[..., "QuerySet[M, R]"], **given: Any
) -> "QuerySet[M, R] | CompiledRows[R]":
    if isinstance(rows, CompiledRows):
        return rows.then(make, **given)
    return make(rows, **given)


def _beyond(
    rows: "QuerySet[M]", *, names: tuple[str, ...], descending: bool, **values: Any
) -> "QuerySet[M]":
    return rows.filter(beyond(names, [*values.values()], "lt" if descending else "gt"))


def _ordered(rows: "QuerySet[M]", *, order: tuple[str, ...]) -> "QuerySet[M]":
    return rows.order_by(*order)


def _limited(rows: "QuerySet[M] | CompiledRows[M]", count: int) -> "QuerySet[M] | CompiledRows[M]":
    return rows.limited(count) if isinstance(rows, CompiledRows) else rows[:count]


def _sizes(page: "QuerySet[M]", *, texts: tuple[str, ...]) -> "QuerySet[M, int]":
    """Of each row, what its texts have: ids, times and numbers come to some hundred bytes, and
    take longer to write out than all the rest."""
    rows = page.model._base_manager.filter(pk__in=page.values("pk"))
    joined = Func(*texts, function="concat", output_field=TextField())
    size = Func(joined, function="octet_length", output_field=IntegerField())
    return rows.order_by(*page.query.order_by).values_list(size, flat=True)


def keys_of(order: str, columns: Mapping[str, str]) -> tuple[str, str]:
    """`keys` of `page_of` for what a client asks for, as `title` or, turned round, `-title`."""
    column = columns[order.removeprefix("-")]
    return (f"-{column}", "-id") if order.startswith("-") else (column, "id")


def order_choices(columns: Mapping[str, str]) -> list[str]:
    """What a client may ask for, over these `{name in the JSON: column}`."""
    return [name for column in columns for name in (column, f"-{column}")]


def beyond(names: Sequence[str], values: list[Any], than: str) -> Q:
    """(a, b) > (x, y), said so that an index on (a, b) finds the place."""
    condition = Q()
    for place, name in enumerate(names):
        same = Q(**dict(zip(names[:place], values[:place], strict=True)))
        condition |= same & Q(**{f"{name}__{than}": values[place]})
    return Q(**{f"{names[0]}__{than}e": values[0]}) & condition


def _limit(query: QueryDict) -> int:
    text = query.get("limit", str(DEFAULT_LIMIT))
    if not (text.isascii() and text.isdigit() and len(text) < 10 and 1 <= int(text) <= MAX_LIMIT):
        raise ValidationFailed(
            "The limit is not valid.", limit=[f"Give a whole number from 1 to {MAX_LIMIT}."]
        )
    return int(text)


def _cursor(model: type[Model], keys: tuple[str, ...], query: QueryDict) -> _Cursor | None:
    text = query.get("cursor", "")
    if not text:
        return None
    try:
        back, *values = json.loads(base64.b64decode(text, altchars=b"-_", validate=True))
        if not isinstance(back, bool):
            raise TypeError("the direction is a boolean")
        return back, [
            _key(model, key.removeprefix("-"), value)
            for key, value in zip(keys, values, strict=True)
        ]
    except _ODD as error:
        raise ValidationFailed("The cursor is not valid.", cursor=[_BAD_CURSOR]) from error


def _key(model: type[Model], name: str, value: object) -> Any:
    if not isinstance(value, str) or "\x00" in value:
        raise TypeError("keys travel as text")
    try:
        field = model._meta.get_field(name)
    except FieldDoesNotExist:
        raise AssertionError(f"{model.__name__} has no field {name}") from None
    value.encode()  # half of a surrogate pair is no text
    key = field.to_python(value)  # type: ignore[union-attr]  # keys are plain columns
    # PostgreSQL takes no offsets beyond 16 hours, and a time without one is nobody's.
    return _utc(key) if isinstance(key, datetime) else key


def _utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("a time has its zone")
    return moment.astimezone(UTC)


def _written(row: Model, names: Sequence[str], *, back: bool) -> str:
    fields = (row._meta.get_field(name) for name in names)
    values = [field.value_to_string(row) for field in fields]  # type: ignore[union-attr]  # as above
    return base64.urlsafe_b64encode(json.dumps([back, *values]).encode()).decode()
