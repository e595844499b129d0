"""Will the provider answer?"""

from collections.abc import Iterator

from django.conf import settings

from batchgen.doctor.registry import Finding, check, error, ok, warning
from providers.errors import BlockedBeforeApi, Effect, Overloaded, ProviderError
from providers.registry import account_of

#: What a gateway says that passes on calls and no question about models.
_NOT_SERVED = {404, 405, 501}


@check("provider")
def provider_key() -> Iterator[Finding]:
    """The key and the model are known, by a call that costs nothing."""
    account = account_of(settings.PROVIDER_NAME)
    if account.lacks:
        yield error(
            "PROVIDER_KEY_MISSING",
            f"There is no {account.lacks}, so no call can be made.",
            "Set it for the workers and start them anew.",
        )
        return
    try:
        name = account.find_model(settings.MODEL)
    except ProviderError as failure:
        yield _finding(failure, account.settings)
        return
    yield ok("PROVIDER_KEY", f"The provider takes the key, and knows {settings.MODEL} ({name}).")


def _finding(failure: ProviderError, its_settings: tuple[str, ...]) -> Finding:
    if isinstance(failure, BlockedBeforeApi) and failure.http_status in _NOT_SERVED:
        return warning(
            "PROVIDER_NOT_CHECKED",
            f"What answers for the provider does not tell of models (HTTP {failure.http_status}).",
            "If it is a gateway of yours that only passes on messages, that is fine; a small run "
            "tells whether the key works.",
        )
    # It knows the key, and has too much to do just now.
    busy = failure.effect is Effect.WAIT or isinstance(failure, Overloaded)
    return (warning if busy else error)(
        failure.code,
        failure.message,
        f"Check {', '.join(its_settings)} and BATCHGEN_MODEL, and the way there.",
    )
