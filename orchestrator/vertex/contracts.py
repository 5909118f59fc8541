"""What a caller of the Agent Engine app may send: one contract a method.

The platform carries inputs as a protobuf `Struct`, which knows no whole numbers: `3` may arrive as `3.0`, and counts as
three. Everything else is strict; all problems of an input are told at once.

Not here: what the methods do (`orchestrator.vertex.service`), how they are declared
(`orchestrator.vertex.operation_schemas`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, TypeAlias, TypeVar

from pydantic import BeforeValidator, ConfigDict, Field, ValidationError, field_validator

from orchestrator.planning.policy import Policy
from schemas.base import JSON, Document
from schemas.errors import InputError

MIB = 1024 * 1024
_LARGEST_PRD = 2_000_000  # characters
_LARGEST_CHUNK = 4 * MIB  # in base64, it stays below what a response may hold


def _whole(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


Whole: TypeAlias = Annotated[int, BeforeValidator(_whole)]


class InputRefused(InputError):
    """The input of a call does not satisfy the method's contract. Nothing was done."""

    code = "input_refused"


class MethodCall(Document):
    """The input of a method: a closed model."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class EmptyCall(MethodCall):
    """No input."""


class StartCall(MethodCall):
    """A PRD as its text; `agents` are names, all by default; `policy` as in the Python API."""

    prd: Annotated[str, Field(min_length=1, max_length=_LARGEST_PRD, description="The PRD, Markdown.")]
    agents: Annotated[list[str] | None, Field(min_length=1, description="Names of the agents to run.")] = None
    policy: Annotated[Policy, Field(description="What people are asked, and how long is waited for them.")] = Policy()

    @field_validator("policy")
    @classmethod
    def _is_of_a_caller_elsewhere(cls, policy: Policy) -> Policy:
        """Refuse what only somebody at the instance may ask for: its files, and work in its folders."""
        use = policy.model
        asked = {"model.record": use and use.record, "model.replay": use and use.replay, "outside": policy.outside}
        local = [name for name, value in asked.items() if value]
        if local:
            raise ValueError(f"{', '.join(local)}: a caller cannot reach files or folders of the instance")
        return policy


class RunCall(MethodCall):
    """Names a run by its id."""

    run: Annotated[str, Field(min_length=1, description="The run's id.")]


class StepCall(RunCall):
    """Names a step of a run."""

    step: str


class RunsCall(MethodCall):
    """The newest runs first."""

    limit: Annotated[Whole, Field(ge=1, le=1000, description="The most runs to return.")] = 50


class EventsCall(RunCall):
    """Events are numbered from 0; those after number `after` are sent, first the stored ones, then live ones."""

    after: Annotated[Whole, Field(ge=-1, description="The number of the last event that is known; -1: none.")] = -1


class AnswerCall(RunCall):
    """`value` satisfies the question's schema; a PRD is its text. `question` may be left out if one is open."""

    value: Annotated[JSON, Field(description="The answer.")]
    question: Annotated[str | None, Field(description="The question's id.")] = None


class ApproveCall(RunCall):
    """The decision about a run that asks for approval; `question` may be left out if one approval is open."""

    approved: Annotated[bool, Field(description="False rejects.")] = True
    reason: Annotated[str | None, Field(description="Why it is rejected.")] = None
    question: Annotated[str | None, Field(description="The question's id.")] = None


class RetryCall(RunCall):
    """Steps are done again: those that are not done, or `from_agent` and all that come after it."""

    from_agent: Annotated[str | None, Field(description="The first agent to do again.")] = None


class DownloadCall(RunCall):
    """A part of a run's workspace as an archive. Later parts name the `archive` that the first part was of."""

    archive: Annotated[str | None, Field(pattern=r"^[0-9a-f]{64}$", description="The archive's id.")] = None
    offset: Annotated[Whole, Field(ge=0, description="In bytes.")] = 0
    size: Annotated[Whole, Field(ge=1, le=_LARGEST_CHUNK, description="The most bytes to send.")] = MIB


Contract = TypeVar("Contract", bound=MethodCall)


def read(contract: type[Contract], method: str, given: Mapping[str, object]) -> Contract:
    """Return the input that `given` is, under `contract`.

    Raises:
        InputRefused: With every problem.
    """
    try:
        return contract.model_validate_json(json.dumps(dict(given)))
    except ValidationError as error:
        raise InputRefused(f"the input of `{method}` does not satisfy its contract:{_listed(error)}") from None
    except (TypeError, ValueError) as error:
        raise InputRefused(f"the input of `{method}` is not JSON: {error}.") from None


def _listed(error: ValidationError) -> str:
    problems = ""
    for each in error.errors(include_url=False, include_context=False):
        where = ".".join(str(part) for part in each["loc"])
        problems += f"\n  `{where}`: {each['msg']}"
    return problems
