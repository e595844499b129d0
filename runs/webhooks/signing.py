"""A webhook's secret, and the headers of Standard Webhooks.

A secret is stored nowhere: it is the HMAC of the hook's id and a random salt under the
installation's own key (BATCHGEN_SECRET_KEY), so the database alone, or a copy of it, signs nothing.
A mark (the beginning of the secret's hash) stands beside the salt: where the key was changed, the
secret is found by Django's SECRET_KEY_FALLBACKS, or known to be lost, and nothing is signed
wrongly.
"""

import hashlib
import secrets
from base64 import b64encode
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.utils.crypto import salted_hmac
from standardwebhooks import Webhook as Signer

from runs.webhooks.models import Webhook

#: For so long after it was replaced, a secret signs beside the new one.
OLD_SIGNS_FOR = timedelta(hours=24)
_PURPOSE = "runs.webhooks.secret"
_MARK_CHARS = 16


class SecretLost(Exception):
    """BATCHGEN_SECRET_KEY is another one than when the secret was made."""


def secret_make(hook_id: UUID) -> tuple[str, str]:
    """The salt and the mark of a new secret."""
    salt = secrets.token_hex(16)
    return salt, _mark(_secret(hook_id, salt, settings.SECRET_KEY))


def secret_of(hook: Webhook) -> str:
    """The secret, `whsec_…`, that its owner was shown.

    Raises:
        SecretLost: see there.
    """
    return _found(hook.pk, hook.secret_salt, hook.secret_mark)


def secrets_of(hook: Webhook, *, now: datetime) -> list[str]:
    """Those that sign at this time, the new one first.

    Raises:
        SecretLost: of the new one.
    """
    found = [secret_of(hook)]
    if hook.rotated_at and hook.old_secret_mark and now < hook.rotated_at + OLD_SIGNS_FOR:
        with suppress(SecretLost):
            found.append(_found(hook.pk, hook.old_secret_salt, hook.old_secret_mark))
    return found


def headers_of(
    signing: Sequence[str], *, message_id: UUID, at: datetime, body: str
) -> dict[str, str]:
    """The headers of one attempt.

    Args:
        signing: secrets.
        at: of the attempt: receivers refuse what is minutes old.
        body: exactly as it is sent.
    """
    # The library takes any time for one in UTC.
    at = at.astimezone(UTC)
    signatures = [Signer(secret).sign(str(message_id), at, body) for secret in signing]
    return {
        "webhook-id": str(message_id),
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


def _found(hook_id: UUID, salt: str, mark: str) -> str:
    for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        secret = _secret(hook_id, salt, key)
        if _mark(secret) == mark:
            return secret
    raise SecretLost


def _secret(hook_id: UUID, salt: str, key: str | bytes) -> str:
    made = salted_hmac(_PURPOSE, f"{hook_id}:{salt}", secret=key, algorithm="sha256").digest()
    return f"whsec_{b64encode(made).decode()}"


def _mark(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()[:_MARK_CHARS]
