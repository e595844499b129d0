"""A run's next slice: its items' first requests, as many as go together."""

import asyncio
import logging
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from django.conf import settings

from batchgen.db.ids import new_id
from batchgen.db.in_thread import in_thread
from batchgen.db.sql import AsyncDatabase, Row
from content.errors import GenerationError
from content.kind import Loaded
from content.pipeline import Job, Request, StageBegun, Steps
from content.prompt_sets import prompt_texts
from content.registry import Kind, kind_started_by
from providers.batches import BatchRequest
from providers.values import CacheFor, CompletionRequest
from runs.engine.batches import (
    items_leave,
    prefix_known,
    shape_known,
    slice_load,
)
from runs.engine.slice_values import SliceRequest
from runs.engine.transitions import run_dispatch
from workers.holds import hold_of
from workers.request_digest import prefix_digest, prefix_texts, request_digest, shape_digest

log = logging.getLogger(__name__)

#: Items that are loaded at a time.
_LOADED = 50
#: A slice is so large a part of what waits, from the least to the most: the grain of progress.
_PART = 10
_LEAST = 100
#: Bytes that JSON adds to a request's texts, at most about.
_ENVELOPE_BYTES = 2_000
#: So many requests are not sent before one of a new version of the prompts was answered alone.
_CANARY_FROM = 10
#: The provider caches no shorter beginnings, in characters; and from so many requests that share
#: one it pays to write it first, for an hour, at twice its price.
_PREFIX_CHARS = 4_000
_PRIMER_FROM = 5
#: So long after the last batch that used it a beginning is taken for cached.
_CACHED_S = 50 * 60.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """One item's first request."""

    item_id: UUID
    request: Request
    call_id: UUID = field(default_factory=new_id)

    @property
    def custom_id(self) -> str:
        """By which its result finds its call."""
        return self.call_id.hex

    def intent(self) -> SliceRequest:
        """As its call is written."""
        return SliceRequest(
            item_id=self.item_id,
            call_id=self.call_id,
            request_key=self.request.key,
            request_digest=request_digest(self.request.completion),
            purpose=self.request.completion.purpose,
            held_micro_usd=hold_of(self.request.completion, batch=True).micro_usd,
            alike=self.request.asked,
            prompt_bytes=self.request.completion.prompt_bytes,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Slice:
    """Requests that go together.

    Attributes:
        primer: it writes what those that follow read from the provider's cache.
        prefix: of what they begin with, where that is in the cache, or is to be; else "".
        shape: of the prompts' version.
    """

    run: Row
    parts: tuple[Part, ...]
    primer: bool
    prefix: str
    shape: str

    def requests(self, call_ids: set[UUID]) -> list[BatchRequest]:
        """What the provider is sent of those that are in it."""
        return [
            BatchRequest(custom_id=part.custom_id, request=self._marked(part.request.completion))
            for part in self.parts
            if part.call_id in call_ids
        ]

    def _marked(self, request: CompletionRequest) -> CompletionRequest:
        """With its beginning marked for an hour where that is in the cache, or is to be; else with
        nothing marked: to write what nobody reads costs more than to send it."""
        if self.prefix and prefix_digest(request) == self.prefix:
            return replace(request, cache_for=CacheFor.ONE_HOUR)
        blocks = tuple([replace(block, cache=False) for block in request.system])
        return replace(request, system=blocks)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Prefix:
    """What a slice's requests begin with, where the provider has that in its cache or is to write
    it there; else ""."""

    digest: str = ""
    to_be_written: bool = False


class Slicer:
    """Makes slices of what waits; of one loop."""

    def __init__(self, database: AsyncDatabase) -> None:
        self._database = database

    async def next(self, run: Row, *, most: int, most_bytes: int) -> Slice | None:
        """The run's next slice of at most so many requests; None where it waits for something, or
        nothing of it can go by batches."""
        kind = kind_started_by(run["type"])
        shape = shape_digest(
            run["model"], kind.name, kind.prompt_key(run["options"]), run["prompt_set_id"]
        )
        if not await self._may_go(run, shape):
            return None
        wanted = max(_LEAST, -(-run["waiting"] // _PART))
        wanted = min(wanted, settings.BATCH_SLICE, most)
        first = await self._parts(kind, run, most=1, most_bytes=most_bytes)
        if not first:
            return None
        prefix = await self._prefix(run, first[0].request.completion)
        if prefix is None:
            return None
        if prefix.to_be_written:
            made = first
        else:
            made = await self._parts(kind, run, most=wanted, most_bytes=most_bytes, begun=first)
        return Slice(
            run=run,
            parts=tuple(made),
            primer=prefix.to_be_written,
            prefix=prefix.digest,
            shape=shape,
        )

    async def _prefix(self, run: Row, request: CompletionRequest) -> "_Prefix | None":
        """What the provider caches of the run's requests; None while it is being written there."""
        digest = prefix_digest(request)
        if sum(map(len, prefix_texts(request))) < _PREFIX_CHARS:
            return _Prefix()
        known = await self._database.run(prefix_known(prefix=digest, cached_s=_CACHED_S))
        if known["cached"]:
            return _Prefix(digest=digest)
        if run["waiting"] < _PRIMER_FROM:
            return _Prefix()
        if known["under_way"]:
            return None
        return _Prefix() if known["tried"] else _Prefix(digest=digest, to_be_written=True)

    async def _may_go(self, run: Row, shape: str) -> bool:
        """Whether requests of this shape were answered before; where not, one goes ahead alone."""
        if run["total_items"] < _CANARY_FROM:
            return True
        known = await self._database.run(shape_known(run_id=run["id"], shape=shape))
        if known["known"] or known["answered"]:
            return True
        if not known["under_way"]:
            kind = kind_started_by(run["type"])
            rows = await self._database.run(slice_load(kind.name, run_id=run["id"], most=1, but=()))
            await self.leave(run["id"], [row["item_id"] for row in rows])
        return False

    async def leave(self, run_id: UUID, item_ids: list[UUID] | None) -> None:
        """Have items that wait go the usual way; None: all."""
        if await self._database.run(items_leave(run_id=run_id, item_ids=item_ids)):
            await in_thread(run_dispatch, run_id=run_id)

    async def _parts(
        self,
        kind: Kind,
        run: Row,
        *,
        most: int,
        most_bytes: int,
        begun: "list[Part] | None" = None,
    ) -> list[Part]:
        """First requests of the items that come next; those without one go the usual way."""
        parts, left = list(begun or ()), most_bytes
        left -= sum(_bytes(part.request.completion) for part in parts)
        without: list[UUID] = []
        prompts = await self._prompts(run)
        while len(parts) < most:
            but = [part.item_id for part in parts] + without
            count = min(_LOADED, most - len(parts))
            rows = await self._database.run(
                slice_load(kind.name, run_id=run["id"], most=count, but=but)
            )
            for row in rows:
                await asyncio.sleep(0)  # others of the loop
                request = await self._first(kind, run, row, prompts)
                if request is None or _bytes(request.completion) > most_bytes:
                    without.append(row["item_id"])
                    continue
                left -= _bytes(request.completion)
                if left < 0:
                    return await self._whole(run, parts, without)
                parts.append(Part(item_id=row["item_id"], request=request))
            if not rows:
                break
        return await self._whole(run, parts, without)

    async def _whole(self, run: Row, parts: list[Part], without: list[UUID]) -> list[Part]:
        if without:
            await self.leave(run["id"], without)
        return parts

    async def _prompts(self, run: Row) -> Mapping[str, str]:
        known = run["prompt_set_id"]
        return await in_thread(prompt_texts, known) if known else {}

    async def _first(
        self, kind: Kind, run: Row, row: Row, prompts: Mapping[str, str]
    ) -> Request | None:
        """What an item asks first; None where it asks nothing, or its target is gone. Why, its
        attempt says."""
        if row["input"] is None or row["target_id"] is None:
            return None
        try:
            loaded = Loaded(
                item_id=row["item_id"],
                run_id=run["id"],
                target_id=row["target_id"],
                code=row["code"],
                model=run["model"],
                max_tokens=run["max_tokens"],
                options=kind.all_options(run["options"]),
                input=row["input"],
                prompts=prompts,
            )
            return await _first_request(kind, kind.steps(kind.read(loaded)))
        except GenerationError:
            return None
        except Exception:
            log.exception("item %s: no request for a slice", row["item_id"])
            return None


async def _first_request(kind: Kind, steps: Steps[Any]) -> Request | None:
    """Drive steps up to there. Their jobs run in threads."""
    sent: Any = None
    with closing(steps):
        while True:
            try:
                step = steps.send(sent)
            except StopIteration:
                return None
            match step:
                case Request():
                    return step
                case Job():
                    sent = await in_thread(kind.jobs[step.name], **step.args)
                case StageBegun():
                    sent = None


def _bytes(request: CompletionRequest) -> int:
    """About what it takes in a batch's body."""
    return _ENVELOPE_BYTES + request.schema_bytes + request.prompt_bytes
