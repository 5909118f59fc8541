"""What was agreed or decided about the API beforehand, held against the design that follows from the PRD.

restates     an endpoint, a schema or a choice that the PRD leads to: it is carried out, and the app is held to it
adds         an endpoint or a decision that nobody makes: a gap of the feature, listed until somebody implements it
contradicts  what the PRD leads to: refused, with the place named; nobody guesses which of the two is meant

Not here: the design itself (`contract`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Final, cast

from handoff.problems import Problem
from handoff.store import Handoff
from schemas.errors import InputError
from schemas.feature import Feature, Gap
from schemas.handoffs import (
    ApiContract,
    ApiField,
    ApiOperation,
    ApiParameter,
    ApiSchema,
    ArchitectEndpoint,
    ArchitectOutput,
    Decision,
)
from schemas.parts import PARTS, plain
from skills.design.contract import api_contract
from skills.design.names import METHODS, operation_path

ENDPOINT, DECISION = "endpoint", "decision"  # kinds of gaps
NO_SKILL: Final = "no skill makes an endpoint that the PRD does not lead to"
NO_READER: Final = "no skill acts on a decision about this"
_STATED: Final = ("operation_id", "auth_required", "scopes", "request", "response_status", "response")


class DesignContradicted(InputError):
    """A document made beforehand contradicts the API that the PRD leads to. `problems` are in document order."""

    code = "design_contradicted"

    def __init__(self, file: str, problems: tuple[Problem, ...]) -> None:
        super().__init__(file, problems)
        self.file, self.problems = file, problems

    def __str__(self) -> str:
        listed = "\n".join(f"  {problem}".replace("\n", "\n  ") for problem in self.problems)
        return (
            f"`{self.file}` contradicts the API that the PRD leads to ({len(self.problems)} found):\n{listed}\n"
            "Change the PRD or this file, so that they agree."
        )


def agree(feature: Feature, architect: Handoff | None = None, agreed: Handoff | None = None) -> Feature:
    """Return the feature with a gap for each thing that was decided or agreed and that nobody makes.

    Args:
        feature: What the PRD means.
        architect: An `architect-output`.
        agreed: An `api-contract`.

    Raises:
        DesignContradicted: One of them contradicts the PRD's design, with every problem of that file.
    """
    design = _Design(feature)
    gaps: list[Gap] = []
    if architect is not None:
        told = cast("ArchitectOutput", architect.data)
        _refuse(architect, [*design.contradicted_decisions(told), *design.contradicted_wishes(told)])
        gaps += [*design.idle_decisions(told), *design.added(told.endpoints)]
    if agreed is not None:
        contract = cast("ApiContract", agreed.data)
        _refuse(agreed, [*design.contradicted_endpoints(contract), *design.contradicted_schemas(contract)])
        gaps += design.added(contract.endpoints)
    new = {gap.text: gap for gap in gaps if gap.text not in {known.text for known in feature.gaps}}
    return feature.model_copy(update={"gaps": (*feature.gaps, *new.values())}) if new else feature


_Found = tuple[str, str]  # JSON pointer into the document, and what is wrong there


def _refuse(handoff: Handoff, found: Sequence[_Found]) -> None:
    if found:
        file = str(handoff.path)
        problems = (Problem(file=file, line=_line(handoff, pointer), message=message) for pointer, message in found)
        raise DesignContradicted(file, tuple(sorted(problems, key=lambda problem: problem.line)))


def _line(handoff: Handoff, pointer: str) -> int:
    while pointer and pointer not in handoff.lines:
        pointer = pointer.rpartition("/")[0]
    return handoff.lines.get(pointer, 0)


class _Design:
    """The design of one feature, to compare with. Paths are the same whatever their parameters are called."""

    def __init__(self, feature: Feature) -> None:
        self._contract = api_contract(feature)
        self._stack = feature.stack
        self._parts = {part.key for part in PARTS} | feature.stack.root.keys()
        self._endpoints = {(each.method, _shape(each.path)): each for each in self._contract.endpoints}
        self._schemas = {each.name: each for each in self._contract.schemas}
        self._left_out = {
            (METHODS[operation], _shape(operation_path(operation, entity))): entity.name
            for entity in feature.entities
            for operation in METHODS
            if operation not in entity.operations
        }

    # ---- what was added

    def added(self, endpoints: Sequence[ApiOperation] | Sequence[ArchitectEndpoint]) -> Iterator[Gap]:
        for each in endpoints:
            if (each.method, _shape(each.path)) not in self._endpoints:
                purpose = f" {each.purpose}" if isinstance(each, ArchitectEndpoint) and each.purpose else ""
                text = f"The endpoint `{each.method} {each.path}` exists.{purpose}"
                yield Gap(kind=ENDPOINT, subject="", text=text, reason=NO_SKILL)

    def idle_decisions(self, told: ArchitectOutput) -> Iterator[Gap]:
        for decision in told.decisions:
            if _part(decision) not in self._parts:
                text = f"{decision.subject}: {decision.choice}"
                yield Gap(kind=DECISION, subject=decision.subject, text=text, reason=NO_READER)

    # ---- what contradicts

    def contradicted_decisions(self, told: ArchitectOutput) -> Iterator[_Found]:
        for index, decision in enumerate(told.decisions):
            part = _part(decision)
            if part in self._parts and plain(self._stack[part]) != plain(decision.choice):
                chosen = f"the PRD's stack has `{self._stack[part]}`"
                yield f"/decisions/{index}/choice", f"{decision.subject}: `{decision.choice}` is decided, {chosen}"

    def contradicted_wishes(self, told: ArchitectOutput) -> Iterator[_Found]:
        for index, wish in enumerate(told.endpoints):
            yield from self._endpoint_faults(f"/endpoints/{index}", wish)

    def contradicted_endpoints(self, contract: ApiContract) -> Iterator[_Found]:
        described = {schema.name for schema in contract.schemas}
        for index, each in enumerate(contract.endpoints):
            pointer = f"/endpoints/{index}"
            yield from self._endpoint_faults(pointer, each)
            designed = self._endpoints.get((each.method, _shape(each.path)))
            if designed is not None:
                yield from _parameter_faults(pointer, each, designed)
                yield from _error_faults(pointer, each, designed)
                continue
            for what in ("request", "response"):
                name = getattr(each, what)
                if name is not None and name not in described | self._schemas.keys():
                    yield f"{pointer}/{what}", f"nobody describes the schema `{name}`{_near(name, self._schemas)}"

    def contradicted_schemas(self, contract: ApiContract) -> Iterator[_Found]:
        new = [each for each in contract.endpoints if (each.method, _shape(each.path)) not in self._endpoints]
        described = {schema.name: schema for schema in contract.schemas}
        exchanged = _reached([name for each in new for name in (each.request, each.response) if name], described)
        for index, schema in enumerate(contract.schemas):
            designed = self._schemas.get(schema.name)
            if designed is not None:
                sent = schema.name in {each.request for each in self._contract.endpoints}
                yield from _schema_faults(f"/schemas/{index}", schema, designed, sent=sent)
            elif schema.name not in exchanged:
                near = _near(schema.name, self._schemas)
                yield f"/schemas/{index}/name", f"no endpoint exchanges the schema `{schema.name}`{near}"

    def _endpoint_faults(self, pointer: str, stated: ApiOperation | ArchitectEndpoint) -> Iterator[_Found]:
        key = (stated.method, _shape(stated.path))
        name = f"{stated.method} {stated.path}"
        if key in self._left_out:
            yield pointer, f"`{name}`: the PRD leaves it out of the endpoints of `{self._left_out[key]}`"
        designed = self._endpoints.get(key)
        if designed is None:
            return
        if stated.path != designed.path:
            yield f"{pointer}/path", f"`{name}`: the PRD leads to the path `{designed.path}`"
        said = stated.model_dump(include=set(_STATED), exclude_none=isinstance(stated, ArchitectEndpoint))
        for member, value in said.items():
            wanted = getattr(designed, member)
            if value != wanted:
                told = f"`{member}` is {_word(value)}; the PRD leads to {_word(wanted)}"
                yield f"{pointer}/{member}", f"`{name}`: {told}"


def _parameter_faults(pointer: str, stated: ApiOperation, designed: ApiOperation) -> Iterator[_Found]:
    known = {(each.place, each.name): each for each in designed.parameters}
    for index, each in enumerate(stated.parameters):
        there = known.get((each.place, each.name))
        where = f"{pointer}/parameters/{index}"
        if there is None:
            near = _near(each.name, {name: None for _, name in known})
            yield where, f"`{stated.method} {stated.path}`: the PRD leads to no parameter `{each.name}`{near}"
        elif (fault := _type_fault(each, there)) is not None:
            yield where, f"`{stated.method} {stated.path}`: {fault}"


def _error_faults(pointer: str, stated: ApiOperation, designed: ApiOperation) -> Iterator[_Found]:
    known = {error.status: error.code for error in designed.errors}
    for index, error in enumerate(stated.errors):
        if known.get(error.status) != error.code:
            may = ", ".join(f"{status} `{code}`" for status, code in known.items()) or "none"
            told = f"the error {error.status} `{error.code}` never comes; those of the PRD's design: {may}"
            yield f"{pointer}/errors/{index}", f"`{stated.method} {stated.path}`: {told}"


def _schema_faults(pointer: str, stated: ApiSchema, designed: ApiSchema, *, sent: bool) -> Iterator[_Found]:
    known = {field.name: field for field in designed.fields}
    for index, field in enumerate(stated.fields):
        where = f"{pointer}/fields/{index}"
        if field.name not in known:
            near = _near(field.name, known)
            yield where, f"schema `{stated.name}`: the PRD leads to no field `{field.name}`{near}"
        elif (fault := _type_fault(field, known[field.name])) is not None:
            yield where, f"schema `{stated.name}`: {fault}"
    needed = {field.name for field in designed.fields if field.required} if sent else set()
    for name in sorted(needed - {field.name for field in stated.fields}):
        yield pointer, f"schema `{stated.name}`: the field `{name}`, which the PRD requires, is missing"


def _type_fault(stated: ApiField | ApiParameter, designed: ApiField | ApiParameter) -> str | None:
    """Return how a field or parameter differs from the design's of that name."""
    for member, wanted in designed.model_dump().items():
        value = getattr(stated, member)
        if value != wanted:
            return f"`{stated.name}`: `{member}` is {_word(value)}; the PRD leads to {_word(wanted)}"
    return None


def _reached(names: Sequence[str], described: Mapping[str, ApiSchema]) -> set[str]:
    """Return the schemas that `names` are, and those that they are made of."""
    found: set[str] = set()
    left = [*names]
    while left:
        name = left.pop()
        if name in described and name not in found:
            found.add(name)
            left += [field.type.removesuffix("[]") for field in described[name].fields]
    return found


def _part(decision: Decision) -> str:
    """Return a decision's subject as a part of the stack is called: `Background tasks` as `background_tasks`."""
    return plain(decision.subject).replace(" ", "_")


def _shape(path: str) -> str:
    return re.sub(r"\{[^}]*\}", "{}", path.rstrip("/"))


def _word(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"`{', '.join(value) if isinstance(value, tuple) else value}`"


def _near(name: str, known: Mapping[str, object]) -> str:
    near = get_close_matches(name, sorted(known), 1)
    return f" (is `{near[0]}` meant?)" if near else ""
