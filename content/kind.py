"""The contract of a content kind: all that the engine must not know."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from types import MappingProxyType
from typing import IO, Annotated, Any, ClassVar, Generic, Protocol, TypeVar, runtime_checkable
from uuid import UUID

from django.db.models import Model
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from content.instructions import instructions_cleaned
from content.pipeline import Draft, Request, Steps, Work
from content.prompts import PromptFolder
from epics.bounds import INSTRUCTIONS_CHARS, NAME_CHARS
from epics.languages import REFUSAL, is_language
from epics.models import Project

Input = TypeVar("Input")
Content = TypeVar("Content")


def _language(text: str) -> str:
    if text and not is_language(text):
        raise ValueError(REFUSAL)
    return text


class Options(BaseModel):
    """What a person chooses for a run of a kind; its fields are the keys of `Run.options`.

    Attributes:
        language: what is made is written in it; empty: in the project's.
        instructions: for this run alone, by the person who starts it. A kind puts them into its
            prompts by `content.instructions`, where they cannot change the task.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        # Its own names are Python's; the API reads it by those of the JSON.
        alias_generator=to_camel,
        validate_by_name=True,
    )

    language: Annotated[
        str,
        Field(
            max_length=NAME_CHARS,
            description="What is made is written in it; empty: in the project's language.",
        ),
        AfterValidator(_language),
    ] = ""
    instructions: Annotated[
        str,
        Field(
            max_length=INSTRUCTIONS_CHARS,
            description=(
                "For this run, in words of your own; they cannot change the form of what is made."
            ),
        ),
        AfterValidator(instructions_cleaned),
    ] = ""


@lru_cache(maxsize=128)
def _all_options(options: type[Options], stored: str) -> Mapping[str, Any]:
    return MappingProxyType(options(**json.loads(stored)).model_dump(mode="json"))


#: Options that the JSON has beside `options`, for kinds that have them.
BESIDE = ("mode", "persona_set")


def options_shown(options: Mapping[str, Any]) -> dict[str, Any]:
    """A run's stored options as the JSON has them, `keepEdited`; without those of BESIDE."""
    return {_camel(name): options[name] for name in options if name not in BESIDE}


#: Of a few names, for each of the runs of a list.
_camel = cache(to_camel)


def project_code(project: Project) -> str:
    """What an item is called that is the project: `PROJECT` where nobody gave it a code."""
    return project.code or "PROJECT"


def counted(count: int, words: tuple[str, str]) -> str:
    """`1 epic`, `12 epics`, of words for one and for many."""
    one, many = words
    return f"{count:,} {one if count == 1 else many}"


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
        priority: its item's, from 10, which goes first, to 0; of equals the order of the targets
            counts.
        facts: what the kind's `reasons` looks at.
    """

    id: UUID
    code: str
    title: str
    input_tokens: int
    priority: int = 5
    facts: Any = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Loaded:
    """A claimed item, as `steps` are to know it.

    Attributes:
        target_id: what it is made of.
        max_tokens: cap of one answer.
        options: of the kind's `Options`, each of them.
        input: what `load_sql` found of its target.
        prompts: {template's name: text} of those that were edited; others are the kind's files.
    """

    item_id: UUID
    run_id: UUID
    target_id: UUID
    code: str
    model: str
    max_tokens: int
    options: Mapping[str, Any]
    input: Mapping[str, Any]
    prompts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Made:
    """Rows that a kind makes, with the columns of `epics.models.Written`.

    Attributes:
        target: the column that says what a row was made of.
    """

    model: type[Model]
    target: str


class ContentKind(Protocol, Generic[Input, Content]):
    """One way from targets to content.

    Attributes:
        name: of the content, "stories"; the items' `kind`, and how each CTE of its SQL begins.
        run_types: what a person starts; of those in `one_item` with exactly one target.
        item_kind: what an item is of, "epic"; `item_words` for one and for many.
        made_words: what an item makes, for one and for many: ("story", "stories").
        phase: of a run while its items are made; of `runs.states.RunPhase`.
        uses_provider: whether its steps yield requests; where not, no permit is waited for and
            no call is written.
        holds_targets: whether a target is in one run at most at a time.
        reads_others: `load_sql` reads what other items made, so it waits for their commit.
        jobs: what its steps may have run, by the names that a `Job` says. Each may run twice, for
            the same item at the same time too, where a worker is overtaken.
        model: whose rows are targets.
        made: the rows that it makes, where it makes any.
        kept_sql: ids of those of `made` that a run with the options `%(told)s` keeps over the
            targets `%(targets)s`; empty: it keeps none.
        options: what a run's options are read with.
        prompts: the files of its prompts, where staff may edit them: those that its steps render
            by `prompts.edited(loaded.prompts)`.
        load_sql: common table expressions, set-based. They read
            `claimed(item_id, target_id, run_id, options)`; the last one is
            `{name}_loaded(item_id, input jsonb)`, and has no row for a target that is gone.
        store_sql: as `load_sql`; they read `done(item_id, target_id, run_id, code, options,
            result jsonb)`, whose items nobody else can end any more; the last one is
            `{name}_stored(item_id, created, kept)`, without a row for a target that is gone. Rows
            are locked in the order epics, stories and so on, each by id. Where it replaces rows
            that are targets of another kind, it leaves those that
            `runs_open_elsewhere(ids uuid[], run_id)` returns, and calls
            `runs_targets_gone(ids uuid[])` for those that it deletes, behind its locks.
    """

    name: ClassVar[str]
    run_types: ClassVar[tuple[str, ...]]
    one_item: ClassVar[tuple[str, ...]]
    item_kind: ClassVar[str]
    item_words: ClassVar[tuple[str, str]]
    made_words: ClassVar[tuple[str, str]]
    phase: ClassVar[str]
    uses_provider: ClassVar[bool] = True
    holds_targets: ClassVar[bool] = True
    reads_others: ClassVar[bool] = False
    jobs: ClassVar[Mapping[str, Callable[..., Any]]] = MappingProxyType({})
    model: ClassVar[type[Model]]
    made: ClassVar[Made | None] = None
    kept_sql: ClassVar[str] = ""
    options: ClassVar[type[Options]]
    prompts: ClassVar[PromptFolder | None] = None
    load_sql: ClassVar[str]
    store_sql: ClassVar[str]

    def targets(
        self, project: Project, ids: Sequence[UUID] | None, options: Options
    ) -> list[Target]:
        """What there is to do, in order; of these ids those that are the project's.

        Args:
            options: of the kind's own class.
        """
        ...

    def left_out(self, project: Project, options: Options) -> int:
        """How many there are that `targets` leaves out of a whole project, because the run keeps
        them."""
        return 0

    def reasons(self, targets: Sequence[Target]) -> tuple[Reason, ...]:
        """What speaks for a run over these targets, by the targets themselves."""
        ...

    def all_options(self, stored: Mapping[str, Any]) -> Mapping[str, Any]:
        """A run's stored options with the defaults of those that were made after it began."""
        return _all_options(self.options, json.dumps(stored))

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


@dataclass(frozen=True, kw_only=True, slots=True)
class MadeFile:
    """A file that a run made.

    Attributes:
        name: for whoever fetches it.
        size: in bytes.
        open: for reading; None where it is not in the storage of this process.
    """

    name: str
    media_type: str
    size: int
    sha256: str
    open: Callable[[], IO[bytes] | None]


@runtime_checkable
class MakesFiles(Protocol):
    """A kind whose runs end with a file each."""

    def file_of(self, run_id: UUID) -> MadeFile | None:
        """The run's file; None where it made none, or none that is still kept."""
        ...


@runtime_checkable
class ForeseesCalls(Protocol):
    """A kind whose items take several calls even where nothing has to be repaired."""

    def foreseen(self, inp: Any) -> Work[tuple[Request, ...]]:
        """The requests that an item makes then, in their order; jobs are run for it, no calls made.

        Where a request shows earlier answers, texts of about their length stand in for them.

        Raises:
            GenerationError: it makes none; the message says why.
        """
        ...
