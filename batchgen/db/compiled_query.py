"""Querysets that are put together and compiled to SQL once, for what is read again and again.

To put a queryset together and to compile it takes two to five times as long as all the rest of a
read. Rows become objects as they always do: by Django's iterables, with each field's converters.
"""

import re
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from copy import copy
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Generic, NamedTuple, TypeVar
from uuid import UUID

from django.core.exceptions import EmptyResultSet
from django.db import connections
from django.db.models import Model, QuerySet
from django.db.models.base import ModelState
from django.db.models.query_utils import DeferredAttribute
from django.db.models.signals import post_init, pre_init
from django.db.models.sql.compiler import SQLCompiler

#: Statements that are kept. Values are no part of them, so there are a few hundred at most.
_KEPT = 1_000
_FIRST_NUMBER = 2_147_480_000
_FIRST_MOMENT = datetime(3000, 1, 1, tzinfo=UTC)
_NUMBER = re.compile(r"\b21474[89]\d{4}\b")

RowT = TypeVar("RowT")
OtherT = TypeVar("OtherT")


class _StandIn(NamedTuple):
    """In the place of a value that may be another one in each read."""

    kind: type
    number: int

    def value(self) -> Any:
        """One that every column takes, and that no statement has by itself."""
        if self.kind is UUID:
            return UUID(int=_FIRST_NUMBER + self.number)
        if self.kind is int:
            return _FIRST_NUMBER + self.number
        if self.kind is datetime:
            return _FIRST_MOMENT + timedelta(days=self.number)
        return f"\ue000{self.number}\ue000"


_KINDS = frozenset({UUID, int, datetime, str})
#: A function that makes a queryset, and what it is given by name.
_Step = tuple[Callable[..., QuerySet[Any, Any]], tuple[tuple[str, Hashable], ...]]


class CompiledRows(Generic[RowT]):
    """The rows of a queryset. It is made once for each set of functions that make it, and read
    with other values in their places; safe from any thread."""

    def __init__(self, make: "Callable[..., QuerySet[Any, RowT]]", /, **given: Any) -> None:
        """The rows of `make(**given)`.

        Args:
            make: a function of a module. By ids, whole numbers, times and texts it filters, as they
                are or by `icontains`, and slices; what it makes does not depend on them. On None,
                the empty text, booleans and all else it may.
        """
        self._steps: tuple[_Step, ...] = ()
        self._values: tuple[Any, ...] = ()
        self._known: dict[str, Model] = {}
        self._add(make, given)

    def then(
        self, make: "Callable[..., QuerySet[Any, OtherT]]", /, **given: Any
    ) -> "CompiledRows[OtherT]":
        """The rows of `make(queryset, **given)`, where `queryset` is what was there so far."""
        further: CompiledRows[Any] = copy(self)
        further._add(make, given)
        return further

    def limited(self, count: int) -> "CompiledRows[RowT]":
        """The first so many of them."""
        return self.then(_first, count=count)

    def knowing(self, **known: Model) -> "CompiledRows[RowT]":
        """The same, and each row's relations of these names lead to these objects."""
        further = copy(self)
        further._known = {**self._known, **known}
        return further

    def like(self) -> "QuerySet[Any, RowT]":
        """A queryset of the same model and the same columns."""
        return _statement(self._steps).made

    def queryset(self) -> "QuerySet[Any, RowT]":
        """Made anew, for whoever does something else with it than reading."""
        return _make(self._steps, self._values)

    def __iter__(self) -> Iterator[RowT]:
        return iter(_statement(self._steps).read(self._values, self._known))

    def first(self) -> RowT | None:
        """The first one; of those that cannot be many, for all are read."""
        return next(iter(self), None)

    def _add(self, make: Callable[..., QuerySet[Any, Any]], given: Mapping[str, Any]) -> None:
        shape: list[tuple[str, Hashable]] = []
        values = [*self._values]
        for name, value in given.items():
            if type(value) in _KINDS and value != "":
                shape.append((name, _StandIn(type(value), len(values))))
                values.append(value)
            else:
                shape.append((name, value))
        self._steps = (*self._steps, (make, tuple(shape)))
        self._values = tuple(values)


class _Statement:
    """The SQL of steps, and where values go in it."""

    def __init__(self, steps: tuple[_Step, ...]) -> None:
        stand_ins = [part for _, shape in steps for _, part in shape if isinstance(part, _StandIn)]
        given = [each.value() for each in stand_ins]
        self._steps = steps
        self.made = _make(steps, given)
        compiler = self.made.query.get_compiler(self.made.db)
        try:
            sql, params = compiler.as_sql()
        except EmptyResultSet:  # as far as these values tell
            self._compiler: SQLCompiler | None = None
            return
        columns = [column for column, *_ in compiler.select[: compiler.col_count]]
        vars(compiler)["converters"] = compiler.get_converters(columns)
        if compiler.klass_info is not None:
            compiler.klass_info = _made_plainly(compiler.klass_info)
        self._compiler = compiler
        self._params = params
        self._places = [
            (place, number, _put(param, value, compiler))
            for place, param in enumerate(params)
            for number, value in enumerate(given)
            if str(value) in str(param)
        ]
        #: Text, the number of a value, text, and so on: how many rows is no parameter.
        self._texts = _NUMBER.split(sql)
        self._numbers = [int(text) - _FIRST_NUMBER for text in _NUMBER.findall(sql)]
        found = {*self._numbers, *(number for _, number, _ in self._places)}
        if found != {*range(len(given))}:
            raise AssertionError(f"a value has no place in {sql}")

    def read(self, values: Sequence[Any], known: Mapping[str, Model]) -> list[Any]:
        """The rows for these values."""
        made = self.made
        if self._compiler is None:
            return list(_make(self._steps, values))
        params = [*self._params]
        for place, number, put in self._places:
            params[place] = put(values[number])
        sql = self._texts[0]
        for number, text in zip(self._numbers, self._texts[1:], strict=True):
            sql = f"{sql}{values[number]}{text}"
        compiler = _Compiler.__new__(_Compiler)
        vars(compiler).update(vars(self._compiler), connection=connections[made.db])
        vars(compiler)["compiled"] = (sql, tuple(params))
        related = {made.model._meta.get_field(of): {row.pk: row} for of, row in known.items()}
        iterable: Any = made._iterable_class
        return [*iterable(_Source(made, compiler, related))]


class _Compiler(SQLCompiler):
    """Has its SQL, and what it needs to read the rows."""

    compiled: tuple[str, tuple[Any, ...]]
    converters: Any

    def as_sql(self, *_args: Any, **_options: Any) -> Any:
        return self.compiled

    def get_converters(self, *_args: Any) -> Any:
        return self.converters


class _Source:
    """What Django's iterables ask a queryset, and its query, for."""

    def __init__(self, made: "QuerySet[Any, Any]", compiler: SQLCompiler, related: Any) -> None:
        self.db = made.db
        self.model = made.model
        self.query = self
        self._known_related_objects = related
        self._compiler = compiler

    def get_compiler(self, *_args: Any, **_options: Any) -> SQLCompiler:
        return self._compiler


class _Maker:
    """Makes objects in the place of their model, as `Model.from_db` does, at a third of the cost:
    without asking for each value of each row how it is set."""

    def __init__(self, model: type[Model]) -> None:
        self._meta = model._meta
        self._model = model

    def from_db(self, db: str, names: Sequence[str], values: Sequence[Any]) -> Model:
        row = self._model.__new__(self._model)
        state = ModelState()
        state.adding, state.db = False, db
        vars(row).update(zip(names, values, strict=True), _state=state)
        return row


def _made_plainly(klass_info: dict[str, Any]) -> dict[str, Any]:
    """Where nobody has a say in how a model's objects are made."""
    model = klass_info["model"]
    columns = [field.attname for field in model._meta.concrete_fields]
    plain = (
        model.__init__ is Model.__init__
        and model.from_db.__func__ is Model.__dict__["from_db"].__func__
        and all(isinstance(getattr(model, each), DeferredAttribute) for each in columns)
        and not any(signal.has_listeners(model) for signal in (pre_init, post_init))
    )
    related = [_made_plainly(each) for each in klass_info.get("related_klass_infos", [])]
    made = {**klass_info, "related_klass_infos": related}
    return {**made, "model": _Maker(model)} if plain else made


def _first(rows: "QuerySet[Any, RowT]", *, count: int) -> "QuerySet[Any, RowT]":
    return rows[:count]


@lru_cache(maxsize=_KEPT)
def _statement(steps: tuple[_Step, ...]) -> _Statement:
    return _Statement(steps)


def _make(steps: tuple[_Step, ...], values: Sequence[Any]) -> "QuerySet[Any, Any]":
    rows: tuple[QuerySet[Any, Any], ...] = ()
    for make, shape in steps:
        given = {
            name: values[part.number] if isinstance(part, _StandIn) else part
            for name, part in shape
        }
        rows = (make(*rows, **given),)
    return rows[0]


def _put(param: object, stand_in: object, compiler: SQLCompiler) -> Callable[[Any], Any]:
    """What makes such a parameter of a value."""
    if param == stand_in:
        # Django has types of its own, by which psycopg knows a number's column.
        return type(param) if isinstance(param, int) else _itself
    if param != f"%{stand_in}%":
        raise AssertionError(f"{stand_in!r} became {param!r}")
    escaped = compiler.connection.ops.prep_for_like_query
    return lambda text: f"%{escaped(text)}%"


def _itself(value: Any) -> Any:
    return value
