"""`baton handoff check` and `baton handoff show`."""

from __future__ import annotations

import asyncio
import json as jsonlib
from pathlib import Path
from typing import Annotated

import typer

from handoff.files import open_regular
from handoff.provenance import split
from handoff.store import FOLDER, Handoff, as_data, read_file
from orchestrator.cli.console import say, say_aside, say_error, say_json
from orchestrator.cli.project import engine_of
from orchestrator.runtime.resume import workspace_root
from schemas.contract import HANDOFF_MODELS, is_handoff
from schemas.errors import BatonError, InputError

app = typer.Typer(rich_markup_mode=None, add_completion=False, no_args_is_help=True)

BAD_INPUT = 2
_Contract = Annotated[str, typer.Option(help="The contract, if the file's name does not say it.")]


@app.callback()
def handoff() -> None:
    """Check and show handoff files."""


@app.command()
def check(
    paths: Annotated[list[Path] | None, typer.Argument(help="Handoff files.")] = None,
    workspace: Annotated[Path | None, typer.Option(help="Check every handoff of this folder.")] = None,
    contract: _Contract = "",
    json: Annotated[bool, typer.Option("--json", help="Print one JSON line a file.")] = False,  # noqa: FBT002 - typer's way to say a flag
) -> None:
    """Check handoff files against their contracts.

    Exits with 2 if one breaks its own.
    """
    files = [*(paths or []), *(_handoffs_of(workspace) if workspace else [])]
    if not files:
        raise InputError("name handoff files, or a workspace with `--workspace DIR`.")
    faults = [_fault(file, contract, json=json) for file in files]
    if any(faults):
        raise typer.Exit(BAD_INPUT)


def _fault(file: Path, contract: str, *, json: bool) -> str:
    """Check one file and say what came of it; return what is wrong, or nothing."""
    found, fault = None, ""
    try:
        found = read_file(file, contract or _contract_of(file))
    except BatonError as error:  # one that cannot be read must not keep the others from being checked
        fault = str(error)
    if json:
        named = found.contract.id if found else contract or None
        edited = bool(found and found.edited)
        say_json(
            jsonlib.dumps({"file": str(file), "contract": named, "fine": not fault, "edited": edited, "message": fault})
        )
    elif found:
        say(f"{file}: {found.contract.id}{', edited by hand' if found.edited else ''}: fine")
    else:
        say_error(fault)
    return fault


@app.command()
def show(
    what: Annotated[str, typer.Argument(metavar="FILE|RUN", help="A handoff file; or a run: its id, or `latest`.")],
    contract: Annotated[
        str, typer.Option(help="The contract, if the file's name does not say it; of a run, which handoff.")
    ] = "",
    json: Annotated[bool, typer.Option("--json", help="Print its data, and where it comes from, as JSON.")] = False,  # noqa: FBT002
) -> None:
    """Print a handoff as people read it, without its front matter: of a run, the one that was written last."""
    path = Path(what) if Path(what).exists() or Path(what).suffix else asyncio.run(_last_of(what, contract))
    found = read_file(path, contract or _contract_of(path))
    if json:
        say_json(jsonlib.dumps(_shown(found), indent=2))
        return
    say_aside(f"{path}: {found.contract.id}{', edited by hand' if found.edited else ''}")
    say(split(found.raw.decode(), contract=found.contract.id, file=what)[1].strip())


async def _last_of(name: str, contract: str) -> Path:
    """Return the handoff that was written last in the workspace of a run, or the one of `contract`.

    Raises:
        RunUnknown: There is no such run.
        InputError: Its workspace holds no such handoff.
    """
    async with engine_of() as engine:
        run = await engine.run(await engine.find(name))
    files = [each for each in _handoffs_of(workspace_root(run)) if contract in {"", each.stem}]
    if not files:
        raise InputError(f"run `{run.id}` has no handoff `{contract}` in `{workspace_root(run) / FOLDER}`.")
    return max(files, key=lambda each: each.stat().st_mtime_ns)


def _shown(found: Handoff) -> dict[str, object]:
    return {
        "contract": found.contract.id,
        "version": found.contract.version,
        "sha256": found.sha256,
        "edited": found.edited,
        "provenance": found.provenance.model_dump(mode="json") if found.provenance else None,
        "data": as_data(found.data),
    }


def _handoffs_of(workspace: Path) -> list[Path]:
    files = sorted(path for path in (workspace / FOLDER).glob("*.md") if is_handoff(path.stem))
    if not files:
        raise InputError(f"`{workspace / FOLDER}` holds no handoffs.")
    return files


def _contract_of(path: Path) -> str:
    """Return the contract that a file's name says; a file of another name is a PRD if its first line says so."""
    if is_handoff(path.stem):
        return path.stem
    try:
        with open_regular(path) as file:
            head = file.read(4096).decode(errors="replace")
    except OSError as error:
        raise InputError(f"`{path}` cannot be read: {error.strerror}.") from error
    if "feature prd" in head.casefold():
        return "feature-prd"
    raise InputError(f"`{path}`: its name says no contract. Name one with --contract: {', '.join(HANDOFF_MODELS)}.")
