"""The calls that items would make: their real prompts, loaded and rendered as a worker does it, and
kept as sizes alone."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from batchgen.db.ids import new_id
from batchgen.db.sql import Queries
from content.errors import GenerationError
from content.kind import ForeseesCalls, Loaded, Target
from content.pipeline import Job, Request, Work
from content.prompt_sets import prompt_texts
from content.registry import Kind, kind_named
from providers.values import CacheFor, CompletionRequest, text_bytes
from runs.models import RunItem

QUERIES = Queries(Path(__file__).with_name("quotes.sql"))
#: Items whose prompts are rendered; of more, so many, evenly by their size.
MOST_RENDERED = 300
#: So many inputs are in memory at the same time.
_AT_ONCE = 25


@dataclass(frozen=True, kw_only=True, slots=True)
class FutureCall:
    """A call that an item would make.

    Attributes:
        part, stays_bytes: as `Request` has them.
        prefix: names what the prompt begins with, where the provider may cache that; else "".
        prefix_bytes, own_bytes: of that, and of all behind it.
    """

    alike: str
    part: float
    stays_bytes: int
    purpose: str
    prefix: str
    prefix_bytes: int
    own_bytes: int
    max_tokens: int
    cache_for: CacheFor


@dataclass(frozen=True, kw_only=True, slots=True)
class FutureItem:
    """An item's calls, which stand for those of `weight` items; none where nothing is to do."""

    calls: tuple[FutureCall, ...]
    weight: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Rendering:
    """What all items of a start share.

    Attributes:
        options: of the kind's own, each of them.
        prompts: as `Loaded` has them.
    """

    kind: Kind
    model: str
    max_tokens: int
    options: Mapping[str, Any]
    prompts: Mapping[str, str]

    def items(self, targets: Sequence[Target]) -> list[FutureItem]:
        """The calls of the targets' items, or of a sample of them. A target that is gone has none.

        Raises:
            psycopg.Error: PostgreSQL is away.
        """
        chosen = sample(targets)
        weight = len(targets) / len(chosen) if chosen else 0.0
        return [
            FutureItem(calls=tuple(map(future_call, requests)), weight=weight)
            for requests in self.requests(chosen)
        ]

    def requests(self, targets: Sequence[Target]) -> Iterator[tuple[Request, ...]]:
        """Of each target what its item would ask, in full; nothing where it is gone.

        Raises:
            psycopg.Error: PostgreSQL is away.
        """
        run_id = new_id()
        for begin in range(0, len(targets), _AT_ONCE):
            some = targets[begin : begin + _AT_ONCE]
            inputs = self._inputs(run_id, some)
            for target in some:
                given = inputs.get(target.id)
                yield () if given is None else self._of_one(run_id, target, given)

    def _inputs(self, run_id: UUID, targets: Sequence[Target]) -> dict[UUID, Mapping[str, Any]]:
        parts = {"kind": self.kind.name, "load_sql": self.kind.load_sql}
        rows = QUERIES.fetch(
            QUERIES.variant("quote_load", self.kind.name, parts),
            {
                "run_id": run_id,
                "options": Jsonb(dict(self.options)),
                "target_ids": [target.id for target in targets],
            },
        )
        return {row["target_id"]: row["input"] for row in rows}

    def _of_one(
        self, run_id: UUID, target: Target, given: Mapping[str, Any]
    ) -> tuple[Request, ...]:
        loaded = Loaded(
            item_id=target.id,
            run_id=run_id,
            target_id=target.id,
            code=target.code,
            model=self.model,
            max_tokens=self.max_tokens,
            options=self.options,
            input=given,
            prompts=self.prompts,
        )
        inp = self.kind.read(loaded)
        work = (
            self.kind.foreseen(inp)
            if isinstance(self.kind, ForeseesCalls)
            else _first(self.kind, inp)
        )
        try:
            return _worked(self.kind, work)
        except GenerationError:
            return ()  # it will be skipped, or fail, before any call


def requests_now(item: RunItem) -> tuple[Request, ...]:
    """What an attempt at an item would ask as things are now; nothing where it asks nobody, or what
    it is of is gone."""
    run, kind = item.run, kind_named(item.kind)
    if not kind.uses_provider or item.target_id is None:
        return ()
    rendering = Rendering(
        kind=kind,
        model=run.model,
        max_tokens=run.max_tokens,
        options=kind.all_options(run.options),
        prompts=prompt_texts(run.prompt_set_id),
    )
    target = Target(id=item.target_id, code=item.code, title=item.title, input_tokens=0)
    return next(rendering.requests([target]))


def sample(targets: Sequence[Target], most: int = MOST_RENDERED) -> list[Target]:
    """All of them, or so many that stand for all: from the smallest to the largest, at even
    distances."""
    if len(targets) <= most:
        return list(targets)
    ordered = sorted(targets, key=lambda target: target.input_tokens)
    step = len(ordered) / most
    return [ordered[int((place + 0.5) * step)] for place in range(most)]


def future_call(request: Request) -> FutureCall:
    """A request by its sizes."""
    completion = request.completion
    prefix, own = _prefix(completion)
    said = prefix.encode(errors="surrogatepass")
    return FutureCall(
        alike=request.alike,
        part=request.part,
        stays_bytes=request.stays_bytes,
        purpose=completion.purpose,
        prefix=blake2b(said, digest_size=8).hexdigest() if said else "",
        prefix_bytes=len(said),
        own_bytes=text_bytes(own) + text_bytes(completion.user),
        max_tokens=completion.max_tokens,
        cache_for=completion.cache_for,
    )


def _prefix(completion: CompletionRequest) -> tuple[str, str]:
    """The system prompt up to its last mark, and what is behind it."""
    marked = [place for place, block in enumerate(completion.system) if block.cache]
    end = marked[-1] + 1 if marked else 0
    texts = [block.text for block in completion.system]
    return "".join(texts[:end]), "".join(texts[end:])


def _first(kind: Kind, inp: Any) -> Work[tuple[Request, ...]]:
    """The steps up to their first request."""
    with closing(kind.steps(inp)) as steps:
        sent: Any = None
        while True:
            try:
                step = steps.send(sent)
            except StopIteration:
                return ()
            if isinstance(step, Request):
                return (step,)
            sent = (yield step) if isinstance(step, Job) else None


def _worked(kind: Kind, work: Work[tuple[Request, ...]]) -> tuple[Request, ...]:
    """What the work comes to, with its jobs run."""
    sent: Any = None
    with closing(work):
        try:
            while True:
                step = work.send(sent)
                if isinstance(step, Request):
                    raise TypeError(f"{kind.name} foresees calls and wants one made: {step.key}")
                sent = kind.jobs[step.name](**step.args)
        except StopIteration as end:
            requests: tuple[Request, ...] = end.value
            return requests
