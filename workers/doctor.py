"""Will the provider answer?"""

from collections.abc import Iterator

from django.conf import settings

from batchgen.doctor.registry import Finding, check, error, ok, warning
from providers.errors import BlockedBeforeApi, Effect, Overloaded, ProviderError

_TODO = "Check ANTHROPIC_API_KEY, ANTHROPIC_BASE_URL and BATCHGEN_MODEL, and the way there."
#: What a gateway says that passes on calls and no question about models.
_NOT_SERVED = {404, 405, 501}


@check("provider")
def provider_key() -> Iterator[Finding]:
    """The key and the model are known, by a call that costs nothing."""
    # Importing the SDK takes a second, which other groups of checks spare themselves.
    from providers.anthropic.acquaintance import model_ask  # noqa: PLC0415  # see above

    if not settings.ANTHROPIC_API_KEY:
        yield error(
            "PROVIDER_KEY_MISSING",
            "There is no ANTHROPIC_API_KEY, so no call can be made.",
            "Set it for the workers and start them anew.",
        )
        return
    try:
        name = model_ask(
            api_key=settings.ANTHROPIC_API_KEY,
            base_url=settings.ANTHROPIC_BASE_URL or None,
            model=settings.MODEL,
        )
    except ProviderError as failure:
        yield _finding(failure)
        return
    yield ok("PROVIDER_KEY", f"The provider takes the key, and knows {settings.MODEL} ({name}).")


def _finding(failure: ProviderError) -> Finding:
    if isinstance(failure, BlockedBeforeApi) and failure.http_status in _NOT_SERVED:
        return warning(
            "PROVIDER_NOT_CHECKED",
            f"What answers for the provider does not tell of models (HTTP {failure.http_status}).",
            "If it is a gateway of yours that only passes on messages, that is fine; a small run "
            "tells whether the key works.",
        )
    # It knows the key, and has too much to do just now.
    busy = failure.effect is Effect.WAIT or isinstance(failure, Overloaded)
    return (warning if busy else error)(failure.code, failure.message, _TODO)
