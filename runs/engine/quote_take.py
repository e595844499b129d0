"""Starts that name a quote: whether it is for them, and still holds."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from batchgen.db.clock import database_now
from batchgen.errors import QuoteOutdated, ValidationFailed
from content.kind import Target
from epics.models import Project
from runs.models import PacingProfile, Quote

_CHANGED = (
    "What the quote was made of has changed since: the items, their texts, the prompts or the "
    "model. Ask for a new one, then start with that."
)


def content_digest(
    *,
    context_key: str,
    prompt_key: str,
    model: str,
    profile: PacingProfile,
    targets: Sequence[Target],
) -> str:
    """The same as long as all that a quote is made of is."""
    pace = [profile.max_tokens, profile.delay_ms, profile.lanes]
    items = sorted([str(target.id), target.input_tokens] for target in targets)
    said = json.dumps([context_key, prompt_key, model, pace, items])
    return hashlib.sha256(said.encode()).hexdigest()


def quote_take(quote_id: UUID, *, project: Project, body: Mapping[str, Any], digest: str) -> Quote:
    """The quote, kept from now on. In the transaction of the start.

    Raises:
        ValidationFailed: the project has no such quote, or it is for another body.
        QuoteOutdated: its time is over, or what it was made of has changed.
    """
    quote = Quote.objects.select_for_update().filter(pk=quote_id, project=project).first()
    if quote is None:
        message = "This project has no such quote, or it is long over. Ask for a new one."
        raise ValidationFailed(message, quoteId=[message])
    if differing := [name for name in body if body[name] != quote.body.get(name)]:
        message = (
            f"The quote is for another start: {', '.join(differing)} differ. Start as it was "
            "quoted, or ask for a new one."
        )
        raise ValidationFailed(message, quoteId=[message])
    if quote.valid_until <= database_now():
        raise QuoteOutdated(
            f"The quote was valid until {_moment(quote.valid_until)}. Ask for a new one, then "
            "start with that.",
            validUntil=quote.valid_until.isoformat(),
        )
    if quote.content_digest != digest:
        raise QuoteOutdated(_CHANGED)
    Quote.objects.filter(pk=quote.pk).update(expires_at=None)
    return quote


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
