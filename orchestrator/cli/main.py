"""The command `baton`.

A command's module is imported when the command is called, so `baton --help` is quick and imports no LangGraph.
Exit codes: 0 completed, 1 failed, stopped or cancelled, 2 bad input or usage, 3 waiting for an answer, 4 completed with
gaps, 130 after Ctrl-C, 143 after SIGTERM.
"""

from __future__ import annotations

import difflib
import gc
import importlib
import importlib.metadata
import json
import sys
import traceback
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup

from orchestrator.cli.console import redacted, say_error, say_json
from schemas.errors import BatonError, InputError

FAILED, BAD_INPUT = 1, 2

# group: name: (module of `orchestrator.cli` with a Typer called `app`, what `baton --help` says of it)
GROUPS: dict[str, dict[str, tuple[str, str]]] = {
    "Start": {
        "init": ("init", "Write a PRD to start from."),
        "draft": ("draft", "Have a model draft a PRD from prose."),
        "plan": ("plan", "Show which agents and skills a PRD needs, and why."),
        "run": ("run", "Build the app that a PRD describes."),
    },
    "Answer": {
        "answer": ("answer", "Answer a run's question."),
        "approve": ("approve", "Approve of what a run plans to do."),
        "reject": ("reject", "Reject what a run plans to do."),
    },
    "Go on": {
        "resume": ("resume", "Go on with a run that was answered, stopped or killed."),
        "retry": ("retry", "Do steps of a run again."),
        "fork": ("fork", "Start a run from another one, in another folder."),
        "stop": ("stop", "Stop a run that is at work, to be resumed."),
        "cancel": ("cancel", "Give a run up."),
    },
    "Look": {
        "runs": ("runs", "List the runs."),
        "show": ("show", "Show one run: what happened, what it made, what it asks."),
        "handoff": ("handoff", "Check and show handoff files."),
        "doctor": ("doctor", "Say whether this machine has what Baton needs."),
        "prune": ("prune", "Remove what is kept of runs that ended long ago."),
    },
    "Extend": {
        "choices": ("choices", "List what a stack can be."),
        "workflows": ("workflows", "List the workflows."),
        "agents": ("agents", "List the agents."),
        "skills": ("skills", "List the skills."),
        "contracts": ("contracts", "Check and export the contracts."),
        "import": ("import_", "Take a project's agents and skills into its pipeline."),
        "export": ("export", "Write agents, skills and commands for a coding agent."),
    },
    "Serve": {
        "mcp": ("mcp", "Serve coding agents over MCP."),
        "phase14": ("phase14", "Phase 14: decide the backend specialist and run it."),
        "serve": ("serve", "Serve runs over HTTP, for containers."),
        "deploy": ("deploy", "Deploy Baton to Vertex AI Agent Engine."),
        "remote": ("remote", "Run on a deployed engine."),
    },
}
COMMANDS = {name: command for group in GROUPS.values() for name, command in group.items()}
_LONGEST = max(map(len, COMMANDS))


class LazyCommand(TyperCommand):
    """A command that is known by name and help; the rest is imported when it is called."""

    def __init__(self, name: str, module: str, text: str) -> None:
        super().__init__(name, help=text)
        self._module = module

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:  # noqa: ANN401 - Typer's contexts are private
        """Return the context of the real command."""
        app = importlib.import_module(f"orchestrator.cli.{self._module}").app
        real = typer.main.get_command(app)
        real.name = self.name
        return real.make_context(info_name, args, parent, **extra)


class LazyGroup(TyperGroup):
    """The commands of `COMMANDS`."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401, ARG002 - Typer's signature
        """Return the commands' names in the order they are shown."""
        return list(COMMANDS)

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401, ARG002
        """Write the commands of each group under its name."""
        for group, commands in GROUPS.items():
            with formatter.section(group):
                formatter.write_dl([(f"{name:<{_LONGEST}}", text) for name, (_, text) in commands.items()])

    def get_command(self, ctx: Any, cmd_name: str) -> LazyCommand | None:  # noqa: ANN401, ARG002
        """Return a command without importing it."""
        return LazyCommand(cmd_name, *COMMANDS[cmd_name]) if cmd_name in COMMANDS else None

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:  # noqa: ANN401
        """Return the command that `args` begin with; of an unknown one, the error names the nearest."""
        near = difflib.get_close_matches(args[0], COMMANDS, n=1) if args and args[0] not in COMMANDS else []
        if near:
            ctx.fail(f"No such command '{args[0]}'. Did you mean '{near[0]}'?")
        return super().resolve_command(ctx, args)


app = typer.Typer(cls=LazyGroup, no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False)


def _version(value: bool) -> None:  # noqa: FBT001 - typer's signature
    if value:
        typer.echo(f"baton {importlib.metadata.version('baton-engine')}")
        raise typer.Exit


@app.callback()
def baton(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show it.")] = False,  # noqa: FBT002
) -> None:
    """Turn a PRD into a verified app, through agents that hand work to each other in checked files."""


def main() -> None:
    """Run the command line and exit."""
    gc.set_threshold(100_000, 20, 50)  # a short-lived process that imports much: collecting often only costs
    try:
        app()
    except InputError as error:
        _end(BAD_INPUT, error.code, str(error))
    except BatonError as error:
        _end(FAILED, error.code, str(error))
    except OSError as error:
        _end(FAILED, "system", _of_the_system(error))
    except Exception as error:  # noqa: BLE001 - Python would show its traceback, secrets and all
        sys.stderr.write(redacted(traceback.format_exc()))
        _end(FAILED, "fault", f"a fault in Baton, not in your input: {type(error).__name__}: {error}")
    finally:
        gc.freeze()  # the process ends: looking through all that was imported once more would free nothing


def _end(exit_code: int, code: str, message: str) -> NoReturn:
    """Say why the command could not do its work: to people, or with `--json` as the last line of the output."""
    if "--json" in sys.argv[1:]:
        say_json(json.dumps({"type": "error", "code": code, "message": redacted(message), "exit_code": exit_code}))
    else:
        say_error(message)
    sys.exit(exit_code)


def _of_the_system(error: OSError) -> str:
    where = f" at `{error.filename}`" if error.filename else ""
    return (
        f"the system refuses: {error.strerror or error}{where}.\n"
        "Make room or correct the permissions (`baton doctor` looks at what Baton needs), then try again."
    )
