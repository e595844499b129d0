"""The SDK's own client, for tests that are no coroutines."""

from typing import Any

import anyio
from mcp import Client
from mcp_types import CallToolResult

from batchgen.mcp.inside import Asker
from batchgen.mcp.server import server_make

#: A tool's name and its arguments.
Call = tuple[str, dict[str, Any]]


def asked(asker: Asker, *calls: Call, actions: bool = False) -> list[CallToolResult]:
    """What a server answers that this process has for itself."""
    return asked_of(server_make(lambda _: asker, actions=actions), *calls)


def asked_of(server: Any, *calls: Call) -> list[CallToolResult]:
    """What a server answers: one of this process, one to start, or a transport to one."""

    async def talk() -> list[CallToolResult]:
        async with Client(server, read_timeout_seconds=30) as client:
            return [await client.call_tool(name, arguments) for name, arguments in calls]

    return anyio.run(talk)


def data_of(result: CallToolResult) -> Any:
    """What was asked for, of a call that succeeded."""
    assert not result.is_error, result.structured_content
    return result.structured_content["data"]


def error_of(result: CallToolResult) -> dict[str, Any]:
    """Why it did not."""
    assert result.is_error, result.structured_content
    error: dict[str, Any] = result.structured_content["error"]
    return error


def text_of(result: CallToolResult) -> str:
    """What an assistant reads that reads texts."""
    (block,) = result.content
    assert block.type == "text"
    return block.text
