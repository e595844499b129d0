"""Does the provider know our key and model? Asked in the one way that costs nothing."""

from providers.anthropic.sdk import blocking_sdk
from providers.anthropic.translate import translate

#: Of the whole question.
TIMEOUT_S = 10.0


def model_ask(*, api_key: str, base_url: str | None, model: str) -> str:
    """`GET /v1/models/{model}`: the model's name for people.

    Raises:
        ProviderError: what a call would meet too, most likely.
    """
    try:
        with blocking_sdk(api_key=api_key, base_url=base_url, timeout_s=TIMEOUT_S) as client:
            return client.models.retrieve(model).display_name
    except Exception as exc:
        raise translate(exc) from exc
