"""Which provider answers: by the name that each run keeps."""

from collections.abc import Callable, Iterable

from django.conf import settings

from providers.anthropic.account import AnthropicAccount
from providers.provider import ProviderAccount


def _anthropic() -> ProviderAccount:
    return AnthropicAccount(
        api_key=settings.ANTHROPIC_API_KEY,
        base_url=settings.ANTHROPIC_BASE_URL,
        timeout_s=settings.PROVIDER_TIMEOUT_S,
    )


#: By the names that BATCHGEN_PROVIDER_NAME takes; the simulator speaks as Anthropic does.
ACCOUNTS: dict[str, Callable[[], ProviderAccount]] = {
    "anthropic": _anthropic,
    "simulator": _anthropic,
}


def account_of(provider: str) -> ProviderAccount:
    """The account of a provider, as the settings have it now.

    Raises:
        KeyError: nobody has that name.
    """
    return ACCOUNTS[provider]()


def limit_pool(model: str, provider: str = "") -> str:
    """The limits that a model's calls count against, as `account:pool`: the name of their gate.

    Args:
        provider: by default, and where nobody has that name any more, the configured one.
    """
    account = account_of(provider if provider in ACCOUNTS else settings.PROVIDER_NAME)
    return f"{account.id}:{account.pool_of(model)}"


def pool_shown(limit_pool: str) -> str:
    """The model that a pool of limits is for, or what those have in common that share it."""
    return limit_pool.partition(":")[2]


def account_prefixes() -> Iterable[str]:
    """How the names of all pools begin that belong to the settings' accounts."""
    return {f"{account().id}:" for account in ACCOUNTS.values()}
