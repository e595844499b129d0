"""A worker imports of the SDK what its calls need, before the first of them."""

import json
import subprocess
import sys

from tests.unit.providers import wire as w
from tests.unit.providers.wire import Wire

_WORKER = """
import asyncio, json, sys
from providers.anthropic.account import AnthropicAccount
from providers.errors import ProviderError
from providers.values import CompletionRequest, TextBlock

REQUEST = CompletionRequest(
    model="claude-sonnet-5-5", max_tokens=100, system=(TextBlock(text="You write."),), user="Go.",
    schema={"type": "object"}, marker="m", purpose="generate",
)

def of_the_sdk():
    return {name for name in sys.modules if name.partition(".")[0] == "anthropic"}

async def outcome(call):
    try:
        return type(await call).__name__
    except ProviderError as error:
        return type(error).__name__

async def calls(client, number):
    await client.open()
    before = of_the_sdk()
    told = [await outcome(client.ask(REQUEST)) for _ in range(number)]
    told.append(await outcome(client.batches.newest()))
    await client.close()
    return told, len(before), sorted(of_the_sdk() - before)

account = AnthropicAccount(api_key="none", base_url=sys.argv[1], timeout_s=10)
told, count, later = asyncio.run(calls(account.connect(max_connections=2), int(sys.argv[2])))
import anthropic
from anthropic.types import Message
names = [anthropic.NotFoundError.__name__, anthropic.__version__ > "2", Message.__name__]
print(json.dumps({"told": told, "count": count, "later": later, "names": names}))
"""


def test_the_sdk_is_imported_in_part_and_none_of_it_during_calls(wire: Wire) -> None:
    spent = w.error_body("rate_limit_error", error_code="enforced_spend_limit_reached")
    wire.script = [
        w.answer(w.message()),
        w.answer(w.error_body("not_found_error"), status=404),
        w.answer(spent, status=429),
        w.answer("<html>", status=502),
        w.answer(w.error_body("overloaded_error"), status=529),
        w.hang_up,
        w.answer({"data": [], "has_more": False, "first_id": None, "last_id": None}),
    ]
    done = subprocess.run(
        [sys.executable, "-c", _WORKER, wire.url, str(len(wire.script) - 1)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    found = json.loads(done.stdout)
    assert found["told"][:1] + found["told"][-1:] == ["Answer", "list"]
    assert found["told"][1:-1] == [
        *("ModelUnknown", "SpendLimitReached", "ServerFailed", "Overloaded", "ConnectionFailed")
    ]
    # All of it are 2,900 modules.
    assert found["count"] < 400
    assert found["later"] == []
    assert found["names"] == ["NotFoundError", True, "Message"]
