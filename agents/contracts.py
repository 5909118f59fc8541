"""The contracts of an agent's parts: what it reads and writes, how its work is guarded, checked and told.

A role (`agents/database/agent.py` … expose `ROLE`) names no tool and no path: what it owns and how its work is guarded
and checked is bound to it by the toolchains of the feature's stack (`agents/toolchains`), which makes it an agent. Its
prose, for people and for model-backed skills, is `agent.md` beside it.

A guard looks at what a step is about to publish, by diff and by syntax tree, and names every violation: on the result,
whoever or whatever produced it. A check runs a real tool on the staged tree and measures what the handoff will claim.

Not here: how tools are run (`agents.checks.scratch`), which guards and checks there are (`agents/guards`,
`agents/checks`), binding (`agents.binding`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from agents.checks.evidence import Evidence
from schemas.base import Document, facts
from schemas.errors import RunError
from schemas.feature import Feature
from schemas.handoffs import ApiContract, Verdict
from schemas.stack import Choice, Condition
from skills.core.contribution import Contribution

if TYPE_CHECKING:
    from agents.checks.scratch import Scratch

_T = TypeVar("_T", bound=Document)


class NotMeasured(RunError):
    """An agent's handoff needs what none of its checks measured. `measured` are the kinds that were."""

    code = "not_measured"

    def __init__(self, kind: str, measured: tuple[str, ...]) -> None:
        super().__init__(kind, measured)
        self.kind, self.measured = kind, measured

    def __str__(self) -> str:
        found = ", ".join(f"`{each}`" for each in self.measured) or "nothing"
        return f"no check measured `{self.kind}` (measured: {found}); add the check that does to the agent's `checks`"


@dataclass(frozen=True, kw_only=True, slots=True)
class Reads:
    """A handoff the agent reads. `name` is the name skills know it by; `question` is asked if it is missing."""

    contract: str
    name: str
    question: str = ""
    required: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Work:
    """One agent's work in one run: what it was given, what its skills made, what its checks measured.

    What skills and checks found out is read by its type, with `facts` and `result`. `contract` is what the API
    is held to, if one was promised.
    """

    task: str
    timestamp: str  # ISO 8601, UTC
    feature: Feature
    handoffs: Mapping[str, Document]  # by `Reads.name`
    outputs: Mapping[str, Contribution]  # by skill name
    files: tuple[str, ...]  # produced paths, sorted
    measured: tuple[Document, ...] = ()
    verification: tuple[Verdict, ...] = ()
    contract: ApiContract | None = None

    def facts(self, kind: type[_T]) -> tuple[_T, ...]:
        """Return what the skills state of one kind (`Endpoint`), in the order of the skills."""
        return tuple(fact for output in self.outputs.values() for fact in facts(output, kind))

    def result(self, kind: type[_T]) -> _T:
        """Return what a check measured, by its type (`LiveSchema`).

        Raises:
            NotMeasured: No check that measures this was among those that ran.
        """
        for each in self.measured:
            if isinstance(each, kind):
                return each
        raise NotMeasured(kind.__name__, tuple(type(each).__name__ for each in self.measured))


@dataclass(frozen=True, kw_only=True, slots=True)
class Proposal:
    """What a step wants to publish. `files` maps each path to its new text; `handoffs` as in `Work`."""

    agent: str
    files: Mapping[str, str]
    owned: Callable[[str], bool]  # does this agent own that path?
    handoffs: Mapping[str, Document]


@dataclass(frozen=True, kw_only=True, slots=True)
class Violation:
    """One broken rule. `line` counts from 1; 0 where a whole file is meant."""

    guard: str
    path: str
    line: int
    message: str
    hint: str

    def __str__(self) -> str:
        where = f"{self.path}:{self.line}" if self.line else self.path
        return f"{where}: {self.message} [{self.guard}]\n    {self.hint}"


class Guard(Protocol):
    """One rule."""

    @property
    def name(self) -> str: ...

    def violations(self, proposal: Proposal, /) -> list[Violation]:
        """Return every violation, in path and line order; an empty list if the proposal is fine."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What a check found. `summary` is for people and must not depend on time ("41 tests").

    `measured` is for handoffs, of a type that no other check of the agent measures (`agents.checks.results`).
    `files` are files that only a tool can make (an OpenAPI document, a generated client), path to text:
    they join the staged tree and are published with the step.
    """

    passed: bool
    summary: str
    evidence: tuple[Evidence, ...]
    measured: Document | None = None
    files: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[str, ...] = ()  # if not passed: what failed, ready to be shown


class Check(Protocol):
    """One check. Checks of a step run side by side, each once those named in `after` have passed."""

    @property
    def name(self) -> str: ...

    @property
    def after(self) -> tuple[str, ...]: ...

    async def run(self, scratch: Scratch, work: Work, /) -> Outcome:
        """Run the tool. A tool that fails is an `Outcome` with `passed=False`, never an exception.

        Raises:
            ScratchError: The tool could not be run at all (missing, not installable, no database).
        """
        ...


def nothing(handoff: Document) -> Contribution:  # noqa: ARG001  # every agent's `claims` takes one
    """Return the claims of an agent whose handoff holds nothing but what is measured."""
    return Contribution()


@dataclass(frozen=True, kw_only=True)
class Role:
    """What an agent does whatever the stack: what it reads and writes, and how its handoff is composed.

    A stack that meets `required` cannot do without the agent; None: any can.
    """

    name: str  # database-agent
    title: str  # Database
    reads: tuple[Reads, ...]
    writes: str  # contract id of its handoff
    compose: Callable[[Work], Document]  # the handoff, from measured facts only
    claims: Callable[[Document], Contribution] = nothing  # what a handoff written outside states, as skills state it
    required: tuple[Condition, ...] | None = None
    contracts: Mapping[str, type[Document]] = field(default_factory=dict)  # models that come with it, by contract id
    folder: Path | None = None  # where it was found


@dataclass(frozen=True, kw_only=True)
class Binding:
    """What a role owns under a stack, and how its work is guarded and checked.

    `owns`, `excludes` and `fixed` are glob patterns (`**` crosses folders) relative to the workspace. `locks` names the
    lock file that the environment of each ecosystem (`python`, `node`) is made from. `rule_tests` makes the check that
    the tests of a business rule fail without it; it runs after all others, whose names it is given.
    """

    owns: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()  # patterns inside `owns` that belong to another agent
    fixed: tuple[str, ...] = ()  # patterns that, once published, may not change content (migrations)
    guards: tuple[Guard, ...] = ()
    checks: tuple[Check, ...] = ()
    locks: Mapping[str, str] = field(default_factory=dict)
    rule_tests: Callable[[tuple[str, ...]], Check] | None = None


@dataclass(frozen=True, kw_only=True)
class Agent(Role, Binding):
    """A role at work under a stack."""


class Api(Protocol):
    """How the OpenAPI document of the running app is had."""

    @property
    def document(self) -> str:
        """Return where the document is published, relative to the workspace."""
        ...

    async def write(self, scratch: Scratch, check: str, target: Path, /) -> tuple[Evidence, str]:
        """Have the app that is in the tree write its document to `target`, for a check; return its output, too.

        Raises:
            ScratchError: The app's environment cannot be had.
        """
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Toolchain:
    """What a stack means for each role.

    It is for stacks for which every condition of `when` holds, and serves the choices that it `provides`. `bindings`
    are by role, `api` is there if the app serves one.
    """

    name: str
    when: tuple[Condition, ...]
    provides: tuple[Choice, ...]
    bindings: Mapping[str, Binding]
    api: Api | None = None
    folder: Path | None = None  # where it was found
