"""The seam: what every provider can do, and no more than that. Workers alone make calls."""

from datetime import date
from typing import ClassVar, Protocol

from providers.batches import Batches
from providers.usage_report import DayUsage
from providers.values import Answer, CompletionRequest


class Provider(Protocol):
    """One event loop's client of a provider; any number of its coroutines may ask at once."""

    async def open(self) -> None:
        """Build what calls need, in the loop that will make them; once, before the first call.

        Raises:
            ProviderError: the address or another setting cannot be used at all.
        """

    async def ask(self, request: CompletionRequest) -> Answer:
        """Send a request and wait for its answer: at most the provider's deadline, and before
        that its wait for a connection.

        Whoever cancels the task gives the call up: its connection is closed, so the provider may
        notice, and may bill the call all the same.

        Raises:
            ProviderError: there is no answer; the error says why and what to do.
            CallAborted: `close()` came first.
        """

    @property
    def batches(self) -> Batches | None:
        """Its batches, once it is open; None where the provider has none."""

    async def close(self) -> None:
        """Abort the calls that wait or are under way and free what they use, within a second."""


class ProviderAccount(Protocol):
    """A key at a provider: known to every process, without the client that makes calls."""

    #: The names of the settings that say key and address, for those who look for a mistake.
    settings: ClassVar[tuple[str, ...]]

    @property
    def id(self) -> str:
        """Without a colon and not secret; the same as long as key and address are."""

    @property
    def lacks(self) -> str:
        """The setting without which no call can be made, where it is empty; else ""."""

    def pool_of(self, model: str) -> str:
        """The model, or what those models have in common that share their limits with it."""

    def connect(self, *, max_connections: int) -> Provider:
        """A client that has nothing open yet; this may take a second, and blocks.

        Raises:
            ValueError: no call could succeed with the settings.
        """

    def find_model(self, model: str) -> str:
        """The model's name for people; asked in a way that costs nothing.

        Raises:
            ProviderError: what a call would meet too, most likely.
        """

    def usage_by_day(
        self, first: date, last: date, *, admin_key: str, api_key_id: str = ""
    ) -> list[DayUsage] | None:
        """What the provider's own report says was used, days in UTC; None where it has none.

        Args:
            admin_key: of an admin of the organization.
            api_key_id: of one key alone; "": of the whole organization.

        Raises:
            ProviderError: it cannot be had now.
        """
