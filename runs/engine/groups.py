"""A statement that moves lanes, for one member or for a group.

A group is one transaction: what holds up one member fails it as a whole, and nothing is done. What
is late or stale of it changes nothing, and nothing of the others.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from psycopg.types.json import Jsonb
from pydantic_core import to_json

from batchgen.db.sql import Row, Statement
from runs.engine.queries import IDS, QUERIES, statement_for


class Fenced(Protocol):
    """The lane that a member is of; `runs.engine.lanes.Fence`."""

    @property
    def lane_id(self) -> int: ...
    @property
    def fencing_token(self) -> int: ...
    @property
    def kind(self) -> str: ...


class Member(Protocol):
    """What a statement is given of one lane."""

    @property
    def fence(self) -> Fenced: ...

    def params(self) -> Mapping[str, object]:
        """Its values, as the statement's `given` names them."""
        ...


M = TypeVar("M", bound=Member)
T = TypeVar("T")

#: So long a single statement that let go of its rows for somebody goes on trying. Nobody edits for
#: that long.
LOCKED_S = 600.0


@dataclass(frozen=True, kw_only=True, slots=True)
class LaneStatement(Generic[M, T]):
    """A block of `sql/` with a CTE `given`, whose rows say by `place` whose they are.

    Attributes:
        read: what a member is answered; without a row nothing was done for it.
        by_kind: whether each kind of content has its own; then a group is of one kind.
        shared: values that all members have.
        patience_s: as `Statement.patience_s`.
    """

    name: str
    read: Callable[[M, Row | None], T]
    shared: Mapping[str, object]
    by_kind: bool
    patience_s: float = 0.0

    def one(self, member: M) -> Statement[T]:
        """For one lane. While somebody has one of its rows it holds none, and tries again."""
        return self._statement(
            statement_for(self._kind([member]), self.name),
            member.params(),
            lambda rows: self.read(member, rows[0] if rows else None),
            locked_s=LOCKED_S,
        )

    def group(self, members: Sequence[M]) -> Statement[list[T]]:
        """For several lanes; answers in the members' order. A member that comes twice is answered
        once.

        Raises:
            ValueError: it is of several kinds, and each has a statement of its own.
            psycopg.errors.LockNotAvailable: (when it runs) somebody has one of its rows; nothing
                was done.
        """
        ordered = sorted(_distinct(members), key=lambda place: members[place].fence.lane_id)
        given = [
            {**members[place].params(), "place": row} for row, place in enumerate(ordered, start=1)
        ]

        def read(rows: list[Row]) -> list[T]:
            found = {ordered[row["place"] - 1]: row for row in rows}
            return [self.read(member, found.get(place)) for place, member in enumerate(members)]

        return self._statement(
            statement_for(self._kind(members), self.name, group=True),
            {
                "given": to_json(given, fallback=_plain).decode(),
                **{
                    name: [each[name] for each in given]
                    for name in IDS.values()
                    if name in given[0]
                },
            },
            read,
        )

    def _kind(self, members: Sequence[M]) -> str | None:
        if not self.by_kind:
            return None
        (kind,) = {member.fence.kind for member in members}
        return kind

    def _statement(
        self,
        name: str,
        given: Mapping[str, Any],
        read: Callable[[list[Row]], Any],
        *,
        locked_s: float = 0.0,
    ) -> Statement[Any]:
        return Statement(
            queries=QUERIES,
            name=name,
            params={**self.shared, **given},
            read=read,
            patience_s=self.patience_s,
            locked_s=locked_s,
        )


def _plain(value: object) -> object:
    """What JSON has no form of its own for, as PostgreSQL reads it."""
    if not isinstance(value, Jsonb):
        raise TypeError(f"{type(value).__name__} has no form in JSON")
    return value.obj


def _distinct(members: Sequence[Member]) -> list[int]:
    """The place of each fence's first member."""
    fences = [(member.fence.lane_id, member.fence.fencing_token) for member in members]
    return list({fence: place for place, fence in reversed(list(enumerate(fences)))}.values())
