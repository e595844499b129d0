"""A queryset compiled to SQL once, for an object that is read again and again.

Putting together the SQL of a queryset with annotations takes longer than all the rest of a read.
Rows become objects as they always do: by Django's compiler, with each field's own converters.
"""

from copy import copy
from typing import Any, Generic, TypeVar

from django.db import connections
from django.db.models import Model, QuerySet
from django.db.models.sql import Query
from django.db.models.sql.compiler import SQLCompiler

ModelT = TypeVar("ModelT", bound=Model)


class CompiledQuery(Generic[ModelT]):
    """Reads a queryset with another value in the place of a given one; safe from any thread."""

    def __init__(self, queryset: "QuerySet[ModelT]", *, given: object) -> None:
        """`given`: what the queryset is filtered by, and each read replaces."""
        self._queryset = queryset
        self._given = given
        self._compiler = queryset.query.get_compiler(queryset.db)
        self._sql, self._params = self._compiler.as_sql()

    def read(self, value: object) -> "list[ModelT]":
        """The rows for this value."""
        compiler = copy(self._compiler)
        compiler.__class__ = _Compiler
        compiler.connection = connections[self._queryset.db]
        params = tuple(value if each == self._given else each for each in self._params)
        vars(compiler)["made"] = (self._sql, params)
        query = self._queryset.query.chain(_Query)
        vars(query)["made"] = compiler
        return list(QuerySet(model=self._queryset.model, query=query))


class _Compiler(SQLCompiler):
    """Has its SQL."""

    made: tuple[str, tuple[Any, ...]]

    def as_sql(self, *_args: Any, **_options: Any) -> Any:
        return self.made


class _Query(Query):
    """Has its compiler."""

    made: SQLCompiler

    def get_compiler(self, *_args: Any, **_options: Any) -> SQLCompiler:
        return self.made
