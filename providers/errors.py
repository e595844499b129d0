"""What can go wrong between us and the provider, and what each of it does to the epic and the run.

ProviderError
├── RateLimited            RATE_LIMITED          wait        429; the key's buckets are empty
│   └── RampLimited        RATE_RAMP_LIMITED     wait        429; usage grows too fast
├── QueueFull              PROVIDER_QUEUE_FULL   wait        no free connection in this process
├── Overloaded             PROVIDER_OVERLOADED   retry       529
├── ServerFailed           PROVIDER_FAILED       retry       5xx, 408, 409
├── CallTimedOut           PROVIDER_TIMEOUT      retry       our deadline passed
├── ConnectionFailed       PROVIDER_UNREACHABLE  retry       no connection, or it broke
├── UnreadableAnswer       PROVIDER_UNREADABLE   retry       200, but not a message
├── BatchNotFound          BATCH_NOT_FOUND       retry       404 for a batch: it is too new, or gone
├── BatchResultsCut        BATCH_RESULTS_CUT     retry       a part of a batch's results is missing
├── RequestTooLarge        REQUEST_TOO_LARGE     fail item   413
├── ContextTooLong         CONTEXT_TOO_LONG      fail item   any status; the prompt does not fit
├── RequestRejected        REQUEST_REJECTED      fail item   any other 4xx that the API says
├── SpendLimitReached      SPEND_LIMIT_REACHED   pause run   a monthly limit, ours or the tier's
├── CreditExhausted        CREDIT_EXHAUSTED      pause run   402, or no credit left
├── AccountUnusable        ACCOUNT_UNUSABLE      pause run   the organization cannot use the API
├── BlockedBeforeApi       BLOCKED_BEFORE_API    pause run   a page, or a 4xx that is not the API's
├── WaitTooLong            PROVIDER_WAIT_TOO_LONG  pause run   a wait beyond BATCHGEN_LONGEST_WAIT_S
├── KeyRejected            KEY_REJECTED          fail run    401, 403, said by the API itself
├── ModelUnknown           MODEL_UNKNOWN         fail run    404, said by the API itself
├── AddressWrong           PROVIDER_ADDRESS      fail run    not an HTTP address
├── BatchesUnavailable     BATCHES_UNAVAILABLE   fail run    no batches at this address
├── ProviderUnknown        PROVIDER_UNKNOWN      fail run    the run names one that is not here
└── ClientBug              PROVIDER_CLIENT_BUG   fail run    our own mistake

CallAborted                the caller gave the call up; no error of the provider
"""

# the names say what happened; that these are errors, the tree says

from enum import Enum
from typing import ClassVar

from providers.cleaning import label
from providers.values import RateLimits


class Effect(Enum):
    """What an error does; the pipeline's own repair of an answer is not among them."""

    WAIT = "wait"  # the lane parks until the limiter allows it; no attempt is spent
    RETRY = "retry"  # again with backoff, within the profile's retries
    FAIL_ITEM = "fail_item"  # this epic FAILED; the run goes on
    PAUSE_RUN = "pause_run"  # the run PAUSED until somebody acts; no epic is burnt
    FAIL_RUN = "fail_run"  # the run FAILED; no epic would fare better


class CallAborted(Exception):
    """The call was given up, also by `Provider.close`; if it was under way it may be billed."""


class ProviderError(Exception):
    """A call without an answer; subclasses say why.

    Attributes:
        code: stable, stored on the epic.
        effect: what happens next.
        retry_after_s: what the provider asked for; a floor, never shortened.
        before_api: something before the API (a proxy, a gateway) answered, not the API.
        possibly_billed: the provider may have worked for us although nothing arrived.
        http_status, request_id, limits: what the response said, when there was one.
    """

    code: ClassVar[str]
    effect: ClassVar[Effect]
    #: The message without what was answered; {key} and {base_url} are settings.
    text: ClassVar[str]

    def __init__(
        self,
        *,
        detail: str = "",
        before_api: bool = False,
        retry_after_s: float | None = None,
        possibly_billed: bool = False,
        http_status: int | None = None,
        request_id: str | None = None,
        limits: RateLimits | None = None,
    ) -> None:
        """`detail` is what was said instead of a message, shortened and free of secrets."""
        super().__init__()
        self._said = ""
        if before_api:
            said = f': "{detail}".' if detail else ", without a word."
            self._said = f" Something before the API answered HTTP {http_status}{said}"
        elif detail:
            self._said = f' The provider says: "{detail}"'
        self._settings = {"key": "the provider's API key", "base_url": "the provider's base URL"}
        self.before_api = before_api
        self.retry_after_s = retry_after_s
        self.possibly_billed = possibly_billed
        self.http_status = http_status
        self.request_id = label(request_id) or None
        self.limits = limits

    @property
    def message(self) -> str:
        """For people: what happened and what to do; never a key or a whole body."""
        return self.text.format_map(self._settings) + self._said

    def __str__(self) -> str:
        return self.message

    def naming(self, *, key: str, base_url: str) -> "ProviderError":
        """This error, whose message calls the settings to check by these names."""
        self._settings = {"key": key, "base_url": base_url}
        return self

    def retold(self, kind: "type[ProviderError]") -> "ProviderError":
        """This error with the code, the effect and the text of another class."""
        told = kind(
            before_api=self.before_api,
            retry_after_s=self.retry_after_s,
            possibly_billed=self.possibly_billed,
            http_status=self.http_status,
            request_id=self.request_id,
            limits=self.limits,
        )
        told._said, told._settings = self._said, self._settings
        return told

    def within(self, longest_s: float) -> "ProviderError":
        """This error, or a `WaitTooLong` where it would have somebody wait for longer."""
        waits = self.effect in (Effect.WAIT, Effect.RETRY)
        if not waits or self.retry_after_s is None or self.retry_after_s <= longest_s:
            return self
        return WaitTooLong(
            detail=f"{self.code}, retry after {self.retry_after_s:,.0f} s",
            before_api=self.before_api,
            possibly_billed=self.possibly_billed,
            http_status=self.http_status,
            request_id=self.request_id,
            limits=self.limits,
        )


class RateLimited(ProviderError):
    """429. Without `retry_after_s` the caller chooses: see `workers.decisions.settle`."""

    code = "RATE_LIMITED"
    effect = Effect.WAIT
    text = (
        "The provider's rate limit is used up. The call waits and goes on by itself;"
        " if this lasts, lower BATCHGEN_LIMIT_* to what the key allows."
    )


class RampLimited(RateLimited):
    """429 because usage grew too fast; go on with less at the same time."""

    code = "RATE_RAMP_LIMITED"
    text = (
        "The provider limits how fast usage may grow. The call waits and goes on by itself;"
        " fewer lanes (maxConcurrency) avoid this."
    )


class QueueFull(ProviderError):
    """Every connection of this process stayed busy; nothing was sent."""

    code = "PROVIDER_QUEUE_FULL"
    effect = Effect.WAIT
    text = (
        "All of this worker's connections to the provider stayed busy. The call waits and goes"
        " on by itself; if this lasts, start another worker."
    )


class Overloaded(ProviderError):
    """529: the provider has too much to do, whatever our limits."""

    code = "PROVIDER_OVERLOADED"
    effect = Effect.RETRY
    text = "The provider is overloaded. If retries do not help, retry the failed epics later."


class ServerFailed(ProviderError):
    """5xx, 408 or 409."""

    code = "PROVIDER_FAILED"
    effect = Effect.RETRY
    text = (
        "The provider failed to answer. If retries do not help, look at its status page"
        " and retry the failed epics later."
    )


class CallTimedOut(ProviderError):
    """The whole-call deadline passed."""

    code = "PROVIDER_TIMEOUT"
    effect = Effect.RETRY
    text = (
        "The provider did not finish its answer in time. If retries do not help, raise"
        " BATCHGEN_PROVIDER_TIMEOUT_S or ask for fewer stories per epic."
    )


class ConnectionFailed(ProviderError):
    """No connection came about, or it broke before the answer was complete."""

    code = "PROVIDER_UNREACHABLE"
    effect = Effect.RETRY
    text = (
        "The connection to the provider failed. If retries do not help, check the network,"
        " the proxy and {base_url}."
    )


class UnreadableAnswer(ProviderError):
    """A success that is not a complete message."""

    code = "PROVIDER_UNREADABLE"
    effect = Effect.RETRY
    text = (
        "The provider's answer was not a complete message. If retries do not help, check that"
        " {base_url} leads to the provider's API and not to a proxy's own page."
    )


class BatchNotFound(ProviderError):
    """404 for a batch or its results: so it is soon after it was created, and after its end."""

    code = "BATCH_NOT_FOUND"
    effect = Effect.RETRY
    text = (
        "The provider does not know the batch, or not yet. If this lasts, check that {key} is the"
        " key with which it was handed in."
    )


class BatchResultsCut(ProviderError):
    """The results of a batch broke off on their way."""

    code = "BATCH_RESULTS_CUT"
    effect = Effect.RETRY
    text = (
        "The results of a batch broke off. What arrived is kept, and they are read again; if this"
        " lasts, check the network and the proxy."
    )


class RequestTooLarge(ProviderError):
    """413."""

    code = "REQUEST_TOO_LARGE"
    effect = Effect.FAIL_ITEM
    text = "The request is larger than the provider accepts. Split the epic or shorten its cards."


class ContextTooLong(ProviderError):
    """The prompt and the answer together exceed the model's context."""

    code = "CONTEXT_TOO_LONG"
    effect = Effect.FAIL_ITEM
    text = "The epic does not fit into the model's context. Split it or shorten its cards."


class RequestRejected(ProviderError):
    """A 4xx that no other class names, said by the API or passed on from it."""

    code = "REQUEST_REJECTED"
    effect = Effect.FAIL_ITEM
    text = "The provider rejected the request. Check the epic's texts and the model's settings."


class SpendLimitReached(ProviderError):
    """A monthly limit: the organization's own, its contract's or its tier's."""

    code = "SPEND_LIMIT_REACHED"
    effect = Effect.PAUSE_RUN
    text = "The account's spend limit is reached. Raise it in the provider's console, then resume."


class CreditExhausted(ProviderError):
    """The account cannot pay."""

    code = "CREDIT_EXHAUSTED"
    effect = Effect.PAUSE_RUN
    text = "The account has a billing problem or no credit left. Settle that, then resume the run."


class AccountUnusable(ProviderError):
    """The organization behind the key is disabled, on hold or wrongly set up."""

    code = "ACCOUNT_UNUSABLE"
    effect = Effect.PAUSE_RUN
    text = (
        "The organization behind the API key cannot use the API; no epic is at fault. Settle that"
        " in the provider's console, or use another key, then resume the run."
    )


class BlockedBeforeApi(ProviderError):
    """What stands before the API refused the call, so that the API never saw it."""

    code = "BLOCKED_BEFORE_API"
    effect = Effect.PAUSE_RUN
    text = (
        "The call was refused on its way to the provider's API, which never saw it. Check the"
        " proxy, firewall or gateway in between, what it wants to be given, and {base_url},"
        " then resume the run. If the log names one and the same epic each time, its texts may"
        " trip a filter: cancel that epic."
    )


class WaitTooLong(ProviderError):
    """Whoever answered asks for a longer wait than we take: by mistake, or for a reason."""

    code = "PROVIDER_WAIT_TOO_LONG"
    effect = Effect.PAUSE_RUN
    text = (
        "A longer wait is asked for than BATCHGEN_LONGEST_WAIT_S allows. If it is a mistake,"
        " resume the run now; else find out why, and resume it when the time is over."
    )


class KeyRejected(ProviderError):
    """401 or 403, said by the API itself."""

    code = "KEY_REJECTED"
    effect = Effect.FAIL_RUN
    text = (
        "The provider rejected the API key, or the key may not use this model."
        " Check {key} and its permissions, then retry the run."
    )


class ModelUnknown(ProviderError):
    """404, said by the API itself, or a gateway that names the model."""

    code = "MODEL_UNKNOWN"
    effect = Effect.FAIL_RUN
    text = (
        "The provider does not know the model, or the address is wrong."
        " Check BATCHGEN_MODEL and {base_url}."
    )


class AddressWrong(ProviderError):
    """The base URL does not lead to the API."""

    code = "PROVIDER_ADDRESS"
    effect = Effect.FAIL_RUN
    text = (
        "The provider's address does not lead to its API. Check the scheme, the host and"
        " the path of {base_url}."
    )


class BatchesUnavailable(ProviderError):
    """Nobody takes batches at this address."""

    code = "BATCHES_UNAVAILABLE"
    effect = Effect.FAIL_RUN
    text = (
        "The provider, or what stands before it, takes no batches. Start another run that makes"
        " its calls one by one, or check {base_url}."
    )


class ProviderUnknown(ProviderError):
    """A run keeps the name of a provider that this installation does not have (any more)."""

    code = "PROVIDER_UNKNOWN"
    effect = Effect.FAIL_RUN
    text = (
        "This installation no longer has the provider that the run began with. Start another run,"
        " which goes by BATCHGEN_PROVIDER_NAME."
    )


class ClientBug(ProviderError):
    """The SDK refused what we passed it."""

    code = "PROVIDER_CLIENT_BUG"
    effect = Effect.FAIL_RUN
    text = "The call was put together wrongly: a bug of batchgen. Report it; the log has the cause."
