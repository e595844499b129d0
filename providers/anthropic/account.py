"""A key at Anthropic's API, or at what speaks like it; imports no SDK before it is needed."""

import gc
import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, ClassVar

from providers.anthropic.lean_import import lean_sdk
from providers.usage_report import DayUsage

if TYPE_CHECKING:
    from providers.anthropic.client import ProviderClient

#: Families whose versions share one limit; later ones have a limit each.
_POOLED = re.compile(r"^(claude-(?:opus|sonnet)-4)-\d")


@dataclass(frozen=True, kw_only=True, slots=True)
class AnthropicAccount:
    """A key, the address that takes it ("": Anthropic's own), and the deadline of its calls."""

    settings: ClassVar[tuple[str, ...]] = ("ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL")

    api_key: str = field(repr=False)
    base_url: str
    timeout_s: float

    @property
    def id(self) -> str:
        return hashlib.sha256(f"{self.api_key} {self.base_url}".encode()).hexdigest()[:12]

    @property
    def lacks(self) -> str:
        return "" if self.api_key else "ANTHROPIC_API_KEY"

    def pool_of(self, model: str) -> str:
        pooled = _POOLED.match(model)
        return pooled[1] if pooled else model

    def connect(self, *, max_connections: int) -> "ProviderClient":
        # Importing the SDK takes long, which processes that make no calls spare themselves.
        with _nothing_collected(), lean_sdk():
            from providers.anthropic.client import ProviderClient  # noqa: PLC0415  # see above

        return ProviderClient(
            api_key=self.api_key,
            base_url=self.base_url or None,
            timeout_s=self.timeout_s,
            max_connections=max_connections,
        )

    def find_model(self, model: str) -> str:
        from providers.anthropic.acquaintance import model_ask  # noqa: PLC0415  # as above

        return model_ask(api_key=self.api_key, base_url=self.base_url or None, model=model)

    def usage_by_day(
        self, first: date, last: date, *, admin_key: str, api_key_id: str = ""
    ) -> list[DayUsage]:
        from providers.anthropic.usage_report import usage_ask  # noqa: PLC0415  # as above

        return usage_ask(
            admin_key=admin_key,
            base_url=self.base_url or None,
            first=first,
            last=last,
            api_key_id=api_key_id,
        )


@contextmanager
def _nothing_collected() -> Iterator[None]:
    """Of what an import makes all stays: looking for garbage in it takes a quarter of the time."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()
