"""`baton mcp`."""

from __future__ import annotations

import asyncio
import importlib
import os
from collections.abc import Coroutine
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli.model_options import (
    MaxCalls,
    MaxMinutes,
    MaxMoney,
    MaxTokens,
    Model,
    Prices,
    Record,
    Repairs,
    Replay,
    model_use_of,
)
from orchestrator.cli.options import Verbose
from orchestrator.cli.signals import carry_out
from orchestrator.mcp.roots import Roots
from orchestrator.mcp.service import ToolService
from orchestrator.orchestrator import Orchestrator
from orchestrator.telemetry.logs import configure_from
from schemas.errors import InputError

if TYPE_CHECKING:
    from types import ModuleType

    from orchestrator.planning.model_policy import ModelUse

app = typer.Typer(rich_markup_mode=None, add_completion=False)


class McpMissing(InputError):
    """The package that speaks the protocol is an extra, and not installed."""

    code = "mcp_missing"


@app.command()
def mcp(
    workspace: Annotated[
        list[Path] | None,
        typer.Option(
            help="A folder that the client may use, with all in it; the first is the default. May be given"
            " several times; by default the current folder."
        ),
    ] = None,
    model: Model = None,
    repairs: Repairs = None,
    max_calls: MaxCalls = None,
    max_tokens: MaxTokens = None,
    max_money: MaxMoney = None,
    max_minutes: MaxMinutes = None,
    prices: Prices = None,
    record: Record = None,
    replay: Replay = None,
    verbose: Verbose = False,  # noqa: FBT002 - typer's way to say a flag
) -> None:
    """Serve coding agents over MCP, on standard input and output: they start, watch and answer runs.

    Runs go on while the server does. When the client closes its end, they are stopped, to be resumed.
    """
    server = _server()
    use = model_use_of(
        model=model, model_for="", all_model=False, repairs=repairs, calls=max_calls, tokens=max_tokens,
        money=max_money, minutes=max_minutes, prices=prices, record=record, replay=replay,
    )  # fmt: skip
    configure_from(os.environ, verbose=verbose)
    raise typer.Exit(carry_out(_serve(server, workspace or [Path()], use)))


async def _serve(server: ModuleType, folders: list[Path], use: ModelUse | None) -> int:
    roots = Roots(folders)
    stack = AsyncExitStack()
    try:
        engine = await stack.enter_async_context(Orchestrator(roots.default))
        await server.serve(ToolService(engine, roots, use))
    finally:
        await _to_the_end(stack.aclose())
    return 0


async def _to_the_end(closing: Coroutine[Any, Any, None]) -> None:
    """Do `closing` as a whole: the signal with which a client ends a slow server must not cut it short."""
    task = asyncio.create_task(closing)
    while not task.done():
        with suppress(asyncio.CancelledError):
            await asyncio.shield(task)
    task.result()


def _server() -> ModuleType:
    try:
        return importlib.import_module("orchestrator.mcp.server")
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in {"mcp", "mcp_types"}:
            raise
        raise McpMissing(
            "`baton mcp` needs the package `mcp`, which is not installed. Install it with\n"
            "  pip install 'baton-engine[mcp]'"
        ) from error
