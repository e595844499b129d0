"""The seam: what every provider can do, and no more than that. Workers alone make calls."""

from typing import ClassVar, Protocol

from providers.values import Answer, CompletionRequest


class Call(Protocol):
    """One call under way; made by `Provider.start`."""

    def result(self) -> Answer:
        """Wait for the answer; at most the provider's deadline and its wait for a connection.

        Raises:
            ProviderError: there is no answer; the error says why and what to do.
            CallAborted: `abort()` or the provider's `close()` came first.
        """

    def abort(self) -> None:
        """Give the call up, from any thread; a call that is done stays as it is."""


class Provider(Protocol):
    """One process's client of a provider; any number of threads may use it at the same time."""

    def open(self) -> None:
        """Build what the first call would build; not before a fork."""

    def start(self, request: CompletionRequest) -> Call:
        """Send a request and return at once.

        Raises:
            ProviderError: the address or another setting cannot be used at all.
        """

    def close(self) -> None:
        """Abort the calls in flight and free what they use, within a second."""


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
        """A client that has nothing open yet.

        Raises:
            ValueError: no call could succeed with the settings.
        """

    def find_model(self, model: str) -> str:
        """The model's name for people; asked in a way that costs nothing.

        Raises:
            ProviderError: what a call would meet too, most likely.
        """
