"""What rooms above the backlog add to it, registered once, when Django has loaded the apps; and
what there is that people review and that has a history, pages of a room above included.

The backlog knows nothing above itself: `runs.apps` says here what projects and uploads show of
their runs, which of them keep a project from being deleted, and who refers to rows by their ids
alone; apps of content, what else is stored, and what is outdated where a project changes.
"""

from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db.models import Model, Q, QuerySet
from django.db.models.expressions import Combinable

#: A value of each row that is read, over `OuterRef("pk")`.
Figure = Callable[[], Combinable]
#: Refuses the deletion of a project, whose row is locked, with a BatchgenError.
Guard = Callable[[UUID], None]
#: Called with a model and ids of its rows, which go in the same transaction.
Listener = Callable[[type[Model], Sequence[UUID]], None]

#: Called with a project's id and the names of its fields that a person changed, in the same
#: transaction.
ChangeListener = Callable[[UUID, Set[str]], None]
#: Counts the rows of these projects, as far as the backlog's own tables do not have them.
RowCount = Callable[["QuerySet[Any]"], int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Content:
    """A table of what runs and people write, with the columns of `epics.models.Written`, a project
    and a code.

    Attributes:
        kind: in the API, "story".
        parent: the column of what its codes are unique in.
        fields: of its content: an edit of one makes an approved row a draft again.
        written: which rows have content; the others cannot be reviewed.
    """

    kind: str
    model: type[Any]
    parent: str
    fields: tuple[str, ...]
    written: Q = field(default_factory=Q)


_contents: dict[str, Content] = {}
_figures: dict[type[Model], dict[str, Figure]] = {}
_guards: list[Guard] = []
_listeners: list[Listener] = []
_change_listeners: list[ChangeListener] = []
_row_counts: list[RowCount] = []


def figure_register(model: type[Model], name: str, figure: Figure) -> None:
    """Have each row of the model read with this figure as an attribute."""
    _figures.setdefault(model, {})[name] = figure


def figures_of(model: type[Model]) -> dict[str, Combinable]:
    """{attribute: expression} to annotate rows with."""
    return {name: figure() for name, figure in _figures.get(model, {}).items()}


def deletion_guard_register(guard: Guard) -> None:
    """Have this asked before a project is deleted, inside the transaction."""
    if guard not in _guards:
        _guards.append(guard)


def deletion_check(project_id: UUID) -> None:
    """Ask everybody who may have something against it.

    Raises:
        BatchgenError: somebody has.
    """
    for guard in _guards:
        guard(project_id)


def deletion_listener_register(listener: Listener) -> None:
    """Have this told before rows are deleted, and before any row is locked for that but the
    project's."""
    if listener not in _listeners:
        _listeners.append(listener)


def deletion_tell(model: type[Model], ids: Sequence[UUID]) -> None:
    """Tell everybody who wants to know."""
    for listener in _listeners:
        listener(model, ids)


def change_listener_register(listener: ChangeListener) -> None:
    """Have this told of every project that a person changes."""
    if listener not in _change_listeners:
        _change_listeners.append(listener)


def change_tell(project_id: UUID, changed: Set[str]) -> None:
    """Tell everybody who wants to know."""
    for listener in _change_listeners:
        listener(project_id, changed)


def row_count_register(count: RowCount) -> None:
    """Have these rows count to what a user has stored."""
    if count not in _row_counts:
        _row_counts.append(count)


def other_rows(projects: "QuerySet[Any]") -> int:
    """How many rows everybody else has of these projects."""
    return sum(count(projects) for count in _row_counts)


def content_register(content: Content) -> None:
    """Have it reviewed, and its changes told."""
    _contents[content.kind] = content


def content_named(kind: str) -> Content:
    """Raises:
    KeyError: there is none.
    """
    return _contents[kind]


def content_of(model: type[Any]) -> Content | None:
    """What is told of a table's rows, if anything."""
    return next((each for each in _contents.values() if each.model is model), None)
