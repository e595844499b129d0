"""What calls can cost at most: so much is held for each before it begins.

A first call is claimed before its prompt is rendered. What is held for it then goes by how long the
prompts of such items were; where one turns out to be longer, more is held before the call.
"""

from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from batchgen.db.clock import DATABASE
from providers.prices import worst_case_micro_usd
from providers.values import CompletionRequest
from workers.permits import FirstCall

#: A token has no fewer bytes than one. So many more are the provider's own, around a prompt.
_OWN_TOKENS = 1_000
#: Bytes of a prompt by its estimated tokens, until some of its size key were seen.
_FIRST_RATIO = 6.0
#: What is held beyond the longest of late; how much of that is forgotten with each.
_MARGIN, _FORGOTTEN = 1.1, 0.02
#: First calls are held by steps of so many tokens, so that few amounts are worked out.
_STEP = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class Hold:
    """What is held for a call: the cost of so many tokens, None where its model has no price."""

    model: str
    input_tokens: int
    output_tokens: int
    batch: bool = False

    @property
    def micro_usd(self) -> int | None:
        """As a call that begins now is billed at most."""
        return _micro_usd(self, DATABASE.as_known().date())

    def covers(self, other: "Hold") -> bool:
        """Whether it is enough for the other, too."""
        return self.input_tokens >= other.input_tokens and self.output_tokens >= other.output_tokens


class Holds:
    """Of one process."""

    def __init__(self) -> None:
        #: {size key: bytes of a prompt for each token that was estimated, of late at most}
        self._ratios: dict[str, float] = {}

    def first(self, call: FirstCall) -> Hold:
        """For an item's first call, before its prompt is known."""
        ratio = self._ratios.get(call.size_key, _FIRST_RATIO) * _MARGIN
        tokens = round(ratio * call.input_tokens) + _OWN_TOKENS
        return Hold(
            model=call.model,
            input_tokens=-(-tokens // _STEP) * _STEP,
            output_tokens=call.output_cap,
        )

    def learn(self, call: FirstCall, needed: Hold) -> None:
        """What a first call was found to need once its prompt was known."""
        ratio = (needed.input_tokens - _OWN_TOKENS) / max(1, call.input_tokens)
        before = self._ratios.get(call.size_key, 0.0)
        self._ratios[call.size_key] = max(ratio, before * (1 - _FORGOTTEN))


def least_of(call: FirstCall) -> Hold:
    """What any call of the item costs whose answer is as long as it may be: its prompt is to be
    held before it begins."""
    return Hold(model=call.model, input_tokens=0, output_tokens=call.output_cap)


def hold_of(request: CompletionRequest, *, batch: bool = False) -> Hold:
    """For a call whose prompt is known."""
    return Hold(
        model=request.model,
        input_tokens=request.prompt_bytes + request.schema_bytes + _OWN_TOKENS,
        output_tokens=request.max_tokens,
        batch=batch,
    )


@lru_cache(maxsize=1024)
def _micro_usd(hold: Hold, day: date) -> int | None:
    return worst_case_micro_usd(
        hold.model,
        input_tokens=hold.input_tokens,
        output_tokens=hold.output_tokens,
        at=day,
        batch=hold.batch,
    )
