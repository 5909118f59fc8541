"""`baton serve`."""

from __future__ import annotations

import importlib
from typing import Annotated

import typer

from schemas.errors import InputError

app = typer.Typer(rich_markup_mode=None, add_completion=False)


class ServerMissing(InputError):
    """The packages that serve HTTP are not installed."""

    code = "server_missing"


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen at.")] = "0.0.0.0",  # noqa: S104 - in a container
    port: Annotated[int, typer.Option(envvar="PORT", help="Port to listen at.", min=0, max=65535)] = 8080,
) -> None:
    """Serve runs over HTTP, as Agent Engine's containers do, until SIGTERM: docs/vertex.md."""
    try:
        serving = importlib.import_module("orchestrator.vertex.serve")
    except ModuleNotFoundError as error:
        raise ServerMissing(
            f"`{error.name}` is not installed. Install it with `pip install 'baton-engine[serve]'`."
        ) from error
    serving.serve(host, port)
