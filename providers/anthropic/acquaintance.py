"""Does the provider know our key and model? Asked in the one way that costs nothing."""

import anthropic
import httpx2

from providers.anthropic.sdk import goes_by_proxy
from providers.anthropic.translate import translate

#: Of the whole question.
TIMEOUT_S = 10.0


def model_ask(*, api_key: str, base_url: str | None, model: str) -> str:
    """`GET /v1/models/{model}`: the model's name for people.

    Raises:
        ProviderError: what a call would meet too, most likely.
    """
    try:
        with anthropic.Anthropic(
            api_key=api_key,
            base_url=base_url,
            max_retries=0,
            timeout=httpx2.Timeout(TIMEOUT_S),
            http_client=anthropic.DefaultHttpxClient(
                follow_redirects=False, trust_env=goes_by_proxy(base_url)
            ),
        ) as client:
            return client.models.retrieve(model).display_name
    except Exception as exc:
        raise translate(exc) from exc
