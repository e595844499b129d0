"""The provider calls of an item: what was answered, and what would be asked."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse

from content.pipeline import Request
from runs.models import ProviderCall
from runs.quotes.rendering import requests_now
from runs.reads import selectors
from runs.reads.items import item_calls, item_read
from web.page import page, show

#: Of one text; the rest is in the content that was made of it, or in the templates.
_MOST_CHARS = 50_000
#: Requests that are shown; of an item of many parts the first.
_MOST_REQUESTS = 5


@page("GET")
def calls(request: HttpRequest, run_id: UUID, item_id: UUID) -> HttpResponse:
    """Requests are not kept, and neither are answers that became content."""
    found = selectors.run_plain(user=request.user, run_id=run_id)
    item = item_read(run=found, item_id=item_id)
    context = {
        "run": found,
        "project": found.project,
        "item": item,
        "answers": [_answer(call) for call in item_calls(item=item).defer(None)],
        "requests": list(map(_asked, requests_now(item)[:_MOST_REQUESTS])),
    }
    return show(request, "run_calls.html", context)


def _answer(call: ProviderCall) -> dict[str, Any]:
    kept = call.response or {}
    return {
        "call": call,
        "text": str(kept.get("text", ""))[:_MOST_CHARS],
        "stop": kept.get("stopReason", ""),
    }


def _asked(each: Request) -> dict[str, Any]:
    completion = each.completion
    return {
        "purpose": completion.purpose,
        "model": completion.model,
        "max_tokens": completion.max_tokens,
        "system": "\n\n".join(block.text for block in completion.system)[:_MOST_CHARS],
        "user": completion.user[:_MOST_CHARS],
    }
