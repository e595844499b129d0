"""Where the results of a batch are asked for, and who is told the key; pure."""

from dataclasses import dataclass

import httpx2

from providers.batches import BatchState
from providers.errors import UnreadableAnswer


@dataclass(frozen=True, kw_only=True, slots=True)
class ResultsSource:
    """An address, or a path at the provider's; `ours`: the key goes along."""

    address: str
    ours: bool


def results_source(base_url: httpx2.URL, batch_path: str, state: BatchState) -> ResultsSource:
    """Where to ask, by what the provider says of it.

    An address may be relative. Whoever passes answers on leaves addresses in them that are the
    API's own and not the ones by which it is reached: what ends as the documented path does is
    asked there. Of all else the key is sent to the provider's own scheme, host and port alone.

    Args:
        base_url: the provider's, with a slash at its end.
        batch_path: of this batch, below it.

    Raises:
        UnreadableAnswer: it is no address, or one in plain text for an encrypted provider.
    """
    documented = ResultsSource(address=f"{batch_path}/results", ours=True)
    if state.results_url is None:
        return documented
    try:
        told = base_url.join(batch_path.lstrip("/")).join(state.results_url)
    except httpx2.InvalidURL as exc:
        raise _no_address(state.results_url) from exc
    if told.raw_path.endswith(documented.address.encode()):
        return documented
    if _origin(told) == _origin(base_url):
        return ResultsSource(address=str(told), ours=True)
    if told.scheme == "https" or told.scheme == base_url.scheme == "http":
        return ResultsSource(address=str(told), ours=False)
    raise _no_address(state.results_url)


def _origin(url: httpx2.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _no_address(told: str) -> UnreadableAnswer:
    return UnreadableAnswer(detail=f"the results are at {told[:100]}")
