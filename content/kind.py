"""The contract of a content kind: all that the engine must not know."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Protocol, TypeVar
from uuid import UUID

from django.db.models import Model
from pydantic import BaseModel, ConfigDict

from content.pipeline import Draft, Steps
from epics.models import Project

Input = TypeVar("Input")
Content = TypeVar("Content")


class Options(BaseModel):
    """What a person chooses for a run of a kind; its fields are the keys of `Run.options`."""

    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(frozen=True, kw_only=True, slots=True)
class Reason:
    """What one factor adds to a run's computed priority, in words."""

    factor: str
    points: int
    message: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """Something that an item can be made of.

    Attributes:
        input_tokens: about so many does its first call read.
        facts: what the kind's `reasons` looks at.
    """

    id: UUID
    code: str
    title: str
    input_tokens: int
    facts: Any = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Loaded:
    """A claimed item, as `steps` are to know it.

    Attributes:
        max_tokens: cap of one answer.
        input: what `load_sql` found of its target.
    """

    item_id: UUID
    code: str
    model: str
    max_tokens: int
    options: Mapping[str, Any]
    input: Mapping[str, Any]


class ContentKind(Protocol, Generic[Input, Content]):
    """One way from targets to content.

    Attributes:
        name: of the content, "stories"; the items' `kind`, and how each CTE of its SQL begins.
        run_types: what a person starts; of those in `one_item` with exactly one target.
        item_kind: what an item is of, "epic"; `item_words` for one and for many.
        model: whose rows are targets.
        options: what a run's options are read with.
        load_sql: common table expressions, set-based. They read
            `claimed(item_id, target_id, run_id, options)`; the last one is
            `{name}_loaded(item_id, input jsonb)`, and has no row for a target that is gone.
        store_sql: as `load_sql`; they read `done(item_id, target_id, run_id, code, options,
            result jsonb)`, whose items nobody else can end any more; the last one is
            `{name}_stored(item_id, created, kept)`, without a row for a target that is gone. Rows
            are locked in the order epics, stories and so on, each by id.
    """

    name: ClassVar[str]
    run_types: ClassVar[tuple[str, ...]]
    one_item: ClassVar[tuple[str, ...]]
    item_kind: ClassVar[str]
    item_words: ClassVar[tuple[str, str]]
    model: ClassVar[type[Model]]
    options: ClassVar[type[Options]]
    load_sql: ClassVar[str]
    store_sql: ClassVar[str]

    def targets(self, project: Project, ids: Sequence[UUID] | None) -> list[Target]:
        """What there is to do, in order; of these ids those that are the project's."""
        ...

    def reasons(self, targets: Sequence[Target]) -> tuple[Reason, ...]:
        """What speaks for a run over these targets, by the targets themselves."""
        ...

    def options_text(self, options: Mapping[str, Any]) -> str:
        """A run's options in a few words, for its log."""
        ...

    def prompt_key(self, options: Mapping[str, Any]) -> str:
        """The same for first calls that begin alike: their sizes resemble each other, and with
        the same project they share what the provider caches."""
        ...

    def read(self, loaded: Loaded) -> Input:
        """The input of the steps."""
        ...

    def steps(self, inp: Input) -> Steps[Draft[Content]]:
        """Make an item's content; see `content.pipeline`."""
        ...

    def result(self, inp: Input, content: Content) -> Any:
        """The content as `store_sql` takes it; JSON."""
        ...
