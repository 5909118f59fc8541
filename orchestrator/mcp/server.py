"""The MCP server: the tools, spoken over standard input and output with the official SDK.

Whatever goes wrong in a tool is an answer that a model can read, `{"error": {"code", "message"}}`; only a tool that
there is not is an error of the protocol.

Imports `mcp`, an extra. Source: https://modelcontextprotocol.io/specification
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import json
import sys
import traceback
from collections.abc import Awaitable, Mapping
from typing import TYPE_CHECKING, Any, cast

import mcp_types as types
from mcp import MCPError
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from pydantic import ValidationError

from orchestrator.mcp.service import ToolService
from orchestrator.mcp.tools import INSTRUCTIONS, TOOLS, Tool
from orchestrator.mcp.wire import ClientLines, taken_stdin
from schemas.base import JSON, Document
from schemas.errors import BatonError
from skills.core.executor import refusals
from skills.core.redaction import redact

if TYPE_CHECKING:
    import anyio
    from mcp.server.context import ServerRequestContext

_BY_NAME = {tool.name: tool for tool in TOOLS}


async def serve(service: ToolService) -> None:
    """Do what the client asks until it closes standard input."""
    server = server_of(service)
    lines = cast("anyio.AsyncFile[str]", ClientLines(taken_stdin()))  # of which the SDK only takes line by line
    async with stdio_server(stdin=lines) as (reading, writing):
        await server.run(reading, writing, server.create_initialization_options())


def server_of(service: ToolService) -> Server[Any]:
    """Return the server of a service's tools."""

    async def list_tools(
        _context: ServerRequestContext[Any], _params: types.PaginatedRequestParams | None
    ) -> types.ListToolsResult:
        return types.ListToolsResult(tools=[_shown(tool) for tool in TOOLS])

    async def call_tool(
        _context: ServerRequestContext[Any], params: types.CallToolRequestParams
    ) -> types.CallToolResult:
        tool = _BY_NAME.get(params.name)
        if tool is None:
            raise MCPError(types.INVALID_PARAMS, f"there is no tool `{params.name}`; tools: {', '.join(_BY_NAME)}")
        return await _called(service, tool, params.arguments or {})

    return Server(
        "baton",
        version=importlib.metadata.version("baton-engine"),
        title="Baton",
        instructions=INSTRUCTIONS,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
    )


async def _called(service: ToolService, tool: Tool, arguments: Mapping[str, JSON]) -> types.CallToolResult:
    try:
        asked = tool.takes.model_validate(arguments)
        returned = await _done(tool.does(service, asked), whole=not tool.reads)
    except ValidationError as error:
        listed = "".join(f"\n  {each}" for each in refusals("argument", error))
        return _failed("bad_arguments", f"`{tool.name}` does not take these arguments:{listed}")
    except BatonError as error:
        return _failed(error.code, str(error))
    except OSError as error:
        return _failed("system", f"the system refuses: {error.strerror or error}")
    except Exception as error:  # noqa: BLE001 - the run of another call must not end with this one
        sys.stderr.write(redact(traceback.format_exc()))
        return _failed("fault", f"a fault in Baton, not in your call: {type(error).__name__}: {error}")
    return _result(returned.model_dump(mode="json"))


async def _done(work: Awaitable[Document], *, whole: bool) -> Document:
    """Return what `work` returns; if it is to be done as a whole, a client that gives the call up ends nothing."""
    return await asyncio.shield(asyncio.ensure_future(work)) if whole else await work


def _shown(tool: Tool) -> types.Tool:
    return types.Tool(
        name=tool.name,
        title=tool.title,
        description=tool.description,
        input_schema=tool.takes.model_json_schema(),
        output_schema=tool.returns.model_json_schema(mode="serialization"),
        annotations=types.ToolAnnotations(read_only_hint=tool.reads, destructive_hint=tool.ends, open_world_hint=False),
    )


def _failed(code: str, message: str) -> types.CallToolResult:
    return _result({"error": {"code": code, "message": redact(message)}}, text=redact(message), failed=True)


def _result(value: dict[str, JSON], *, text: str = "", failed: bool = False) -> types.CallToolResult:
    shown = text or json.dumps(value, ensure_ascii=False)
    return types.CallToolResult(
        content=[types.TextContent(type="text", text=shown)], structured_content=value, is_error=failed
    )
