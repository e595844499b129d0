"""Permits for provider calls: an epic's size before it is claimed, and what a call's end means.

The limiter deals in amounts; this module says what they are for our calls, and which errors
close the gate or slow everybody down.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from random import SystemRandom
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import Error as DatabaseError

from batchgen.redis import client as redis
from content.stories.prompts.rendering import prompt_version
from limiter.desk import Desk, Wait
from limiter.gate import NOBODY, Amounts, Ceilings, Gate, Permit, Want
from providers.errors import ProviderError
from providers.registry import limit_pool
from providers.values import CompletionRequest, RateLimits, Usage
from runs.closures import closure_read, closure_write
from runs.states import PRIORITY_RANK
from workers.decisions import Between, CloseGate, PermitUse, settle

log = logging.getLogger(__name__)

_RANDOM = SystemRandom()
#: Roughly; the limiter corrects it by what the provider counts.
_CHARACTERS_PER_TOKEN = 3.6


@dataclass(frozen=True, kw_only=True, slots=True)
class FirstCall:
    """What a message says of its epic's first call."""

    run: str
    user: str = NOBODY
    #: As in `runs.models.Share`.
    weight: int = 1
    #: The same for calls whose prompts have the same project's texts.
    context: str
    priority: str
    model: str
    mode: str
    persona_set: str
    input_tokens: int
    output_cap: int

    @classmethod
    def of(cls, want: dict[str, Any]) -> "FirstCall":
        """From a message."""
        return cls(
            run=want["run"],
            # Messages from before there were users say none.
            user=str(want.get("user") or NOBODY),
            weight=want.get("weight", 1),
            context=want["context"],
            priority=want["priority"],
            model=want["model"],
            mode=want["mode"],
            persona_set=want["personaSet"],
            input_tokens=want["inputTokens"],
            output_cap=want["outputCap"],
        )

    def want(self) -> Want:
        """As the limiter knows it."""
        return self._want("generate", self.input_tokens, self.output_cap)

    def next_want(self, request: CompletionRequest) -> Want:
        """A further call of the same epic, as the limiter knows it."""
        characters = len(request.user) + sum(len(block.text) for block in request.system)
        input_tokens = round(characters / _CHARACTERS_PER_TOKEN)
        return self._want(request.purpose, input_tokens, request.max_tokens)

    def _want(self, purpose: str, input_tokens: int, output_cap: int) -> Want:
        return Want(
            run=self.run,
            user=self.user,
            weight=self.weight,
            rank=PRIORITY_RANK[self.priority],
            kind=f"{prompt_version(self.mode, self.persona_set)}:{purpose}",
            prefix=f"{self.context}:{self.mode}:{self.persona_set}",
            input_tokens=input_tokens,
            output_cap=output_cap,
        )


class Permits:
    """One process's desks, one for each provider key and model it calls."""

    def __init__(self, *, process: UUID) -> None:
        self._process = str(process)
        self._desks: dict[str, Desk] = {}

    def open(self, model: str) -> None:
        """Let the model's buckets fill from now on, where nobody called for long.

        Where Redis is away they fill from the first call on.
        """
        self._desk(model).touch()

    def first(self, call: FirstCall, *, patience_s: float) -> "Leave | Wait":
        """Wait for the permit of an epic's first call, at most about so long."""
        return self._acquire(call.model, call.want(), patience_s)

    def next(
        self, request: CompletionRequest, first: FirstCall, *, given_up: Callable[[], bool]
    ) -> "Leave | None":
        """Wait, as long as it takes, for the permit of a further call; None once given up."""
        want = first.next_want(request)
        while not given_up():
            leave = self._acquire(request.model, want, settings.HEARTBEAT_S)
            if isinstance(leave, Leave):
                return leave
        return None

    def flush(self) -> None:
        """Tell the gates what they do not know yet; part of the worker's heartbeat."""
        for desk in list(self._desks.values()):
            desk.flush()

    def _acquire(self, model: str, want: Want, patience_s: float) -> "Leave | Wait":
        desk = self._desk(model)
        permit = desk.acquire(want, patience_s=patience_s)
        return permit if isinstance(permit, Wait) else Leave(desk, permit)

    def _desk(self, model: str) -> Desk:
        name = limit_pool(model)
        desk = self._desks.get(name)
        if desk is None:
            gate = Gate(redis.client(), name, _ceilings())
            desk = self._desks.setdefault(
                name, Desk(gate, process=self._process, closed=lambda: closure_read(name))
            )
        return desk


class Leave:
    """Leave to make one call; to be told how the call ended, once."""

    def __init__(self, desk: Desk, permit: Permit) -> None:
        self._desk = desk
        self._permit = permit

    def answered(self, usage: Usage | None, limits: RateLimits | None) -> None:
        """The call was answered. Tokens read from the provider's cache are not limited."""
        if usage is None:
            self._desk.forget(self._permit)
        else:
            taken = Amounts(1, usage.input_tokens + usage.cache_write_tokens, usage.output_tokens)
            self._desk.settle(self._permit, taken)
        if limits is not None:
            self._desk.hear(limits)

    def failed(self, error: ProviderError) -> float | None:
        """The call failed. The seconds for which that closes the gate, or None."""
        if error.limits is not None:
            self._desk.hear(error.limits)
        match settle(error, closings=self._desk.closings):
            case CloseGate(wait=wait):
                return self._close(wait, reason=error.code)
            case PermitUse.NONE:
                self.unused()
            case PermitUse.OVERLOAD:
                self._desk.overload(self._permit)
            case PermitUse.UNKNOWN:
                self._desk.forget(self._permit)
            case PermitUse.REQUEST:
                self._desk.give_back(self._permit, made=True)
        return None

    def unused(self) -> None:
        """The call was not made."""
        self._desk.give_back(self._permit)

    def aborted(self) -> None:
        """The call was given up on its way: what it took stays unknown."""
        self._desk.forget(self._permit)

    @property
    def closings(self) -> int:
        """How often in a row calls were refused, over all workers."""
        return self._desk.closings

    def _close(self, wait: Between, *, reason: str) -> float:
        seconds = min(wait.draw(_RANDOM), settings.LONGEST_WAIT_S)
        self._desk.refuse(self._permit, seconds=seconds, reason=reason)
        try:
            closure_write(self._desk.name, seconds=seconds, reason=reason)
        except DatabaseError as away:
            log.warning("the gate's closing is in Redis only: %s", away)
        return seconds


def _ceilings() -> Ceilings:
    return Ceilings(
        requests=settings.LIMIT_REQUESTS_PER_MINUTE,
        input_tokens=settings.LIMIT_INPUT_TOKENS_PER_MINUTE,
        output_tokens=settings.LIMIT_OUTPUT_TOKENS_PER_MINUTE,
        slots=settings.LIMIT_CONCURRENCY,
        burst_s=settings.LIMIT_BURST_S,
    )
