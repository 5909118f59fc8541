"""What a run was begun with, and the rule for going on with something else.

continues   nothing changed, or only what made steps that are already done
migrates    what changed touches only steps still to be done; they are done with what is there now
refuses     a step that is done would have to be done again to fit (`baton retry` does that, or a new run)
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Literal

from handoff.files import read_regular
from orchestrator.planning.model_policy import ModelUse
from orchestrator.planning.pipeline import GRAPH_VERSION, Pipeline, Step, digest
from orchestrator.planning.plan import Plan
from schemas.base import JSON, Document
from schemas.contract import contract_of
from schemas.feature import Feature
from schemas.parts import PARTS
from schemas.stack import NONE, Stack
from skills.core.skill import Skill

Rule = Literal["continues", "migrates", "refuses"]
_FIRST_PARTS = (
    "backend", "framework", "database", "orm", "frontend", "authentication", "background_tasks", "dependency_manager",
)  # fmt: skip
_NOT_OURS = {"__pycache__", "node_modules"}


class Fingerprint(Document):
    """Versions and SHA-256 digests: of the feature, of each step's place, skills and toolchains, of the contracts.

    All but the first three are by step, in order. `toolchains` is empty in those of runs that began before there were
    any.
    """

    baton: str
    graph: int
    feature: str
    agents: Mapping[str, str]  # who works there, what it reads and writes
    contracts: Mapping[str, str]  # of the handoff that it writes
    skills: Mapping[str, Mapping[str, str]]  # by skill
    toolchains: Mapping[str, Mapping[str, str]] = {}  # by toolchain
    model: str = ""  # that does what templates do not


class Resumption(Document):
    """How a run goes on, and why."""

    rule: Rule
    reasons: tuple[str, ...] = ()


def fingerprint(pipeline: Pipeline, plan: Plan, use: ModelUse | None = None) -> Fingerprint:
    """Return the fingerprint of a pipeline, the plan that was made for it, and the model that helps."""
    return Fingerprint(
        baton=_version(),
        graph=GRAPH_VERSION,
        feature=digest(_meaning(plan.feature)),
        agents={step.name: _place(step) for step in pipeline.steps},
        contracts={step.name: _contract_digest(step.agent.writes) for step in pipeline.steps},
        skills={name: {each.name: _skill(each) for each in used} for name, used in plan.skills.items()},
        toolchains={step.name: _used(plan, step) for step in pipeline.steps},
        model=use.name if use else "",
    )


def compare(old: Fingerprint, new: Fingerprint, done: Collection[str], unread: Collection[str] = ()) -> Resumption:
    """Return the rule for a run that was begun under `old` and would go on under `new`.

    Args:
        old: As it was stored.
        new: Of what is installed now.
        done: Steps that are done.
        unread: Those of them whose handoff does not satisfy the contract as it is now.
    """
    if old == new and list(old.agents) == list(new.agents):
        return Resumption(rule="continues")
    refused = list(_refusals(old, new, done, unread))
    if refused:
        return Resumption(rule="refuses", reasons=tuple(refused))
    notes = list(_notes(old, new, done))
    moved = old.graph != new.graph or old.contracts != new.contracts
    moved = moved or list(old.agents.items()) != list(new.agents.items())
    migrates = moved or any(not harmless for _, harmless in notes)
    return Resumption(rule="migrates" if migrates else "continues", reasons=tuple(note for note, _ in notes))


def _refusals(old: Fingerprint, new: Fingerprint, done: Collection[str], unread: Collection[str]) -> list[str]:
    found = []
    if old.feature != new.feature:
        found.append("the PRD is understood in another way now")
    for name in old.agents:
        if name not in new.agents and name in done:
            found.append(f"{name}, whose step is done, is no longer in the pipeline")
        elif name in done and old.agents[name] != new.agents[name]:
            found.append(f"{name}, whose step is done, reads or writes something else now")
    found += [f"the handoff that {name} left does not satisfy its contract as it is now" for name in unread]
    first_open = next((position for position, name in enumerate(new.agents) if name not in done), len(new.agents))
    late = [name for name in list(new.agents)[first_open:] if name in done and name in old.agents]
    came = [name for name in list(new.agents)[: first_open + 1] if name not in old.agents]
    if late and came:
        found.append(f"{came[0]} came into the pipeline before {late[0]}, whose step is done")
    return found


def _notes(old: Fingerprint, new: Fingerprint, done: Collection[str]) -> list[tuple[str, bool]]:
    """Return what else changed, and whether it touches nothing that is still to be done."""
    notes = []
    if old.baton != new.baton:
        notes.append((f"Baton is {new.baton} now, was {old.baton}", True))
    if old.model != new.model:
        told = "steps still to be done are done with it"
        notes.append((f"the model is {new.model or 'none'} now, was {old.model or 'none'}: {told}", False))
    for name in new.agents:
        told = "its step is done" if name in done else "its step is done with what is there now"
        changes = [*_changes("skill", old.skills, new.skills, name)]
        changes += _changes("toolchain", old.toolchains, new.toolchains, name) if old.toolchains else []
        notes += [(f"{change}: {told}", name in done) for change in changes]
    notes += [
        (f"the contract of {name}'s handoff changed", name in done)
        for name in new.contracts
        if old.contracts.get(name) != new.contracts[name]
    ]
    return notes


def _meaning(feature: Feature) -> dict[str, JSON]:
    """Return what a PRD means. What kind of gap each is follows from its text."""
    known = feature.model_dump(mode="json", exclude={"gaps": {"__all__": {"kind", "subject"}}})
    return {**known, "stack": _chosen(feature.stack)}


def _chosen(stack: Stack) -> dict[str, JSON]:
    """Return what a stack means, whichever parts there were when the run began.

    A part that came later counts where its choice is not the default: an unchanged PRD still means the same.
    """
    defaults = {part.key: part.default for part in PARTS}
    later = {part: each for part, each in stack.root.items() if each != defaults.get(part, NONE)}
    return {**later, **{part: stack[part] for part in _FIRST_PARTS}}


def _changes(
    what: str, old: Mapping[str, Mapping[str, str]], new: Mapping[str, Mapping[str, str]], agent: str
) -> Iterator[str]:
    was, now = old.get(agent, {}), new.get(agent, {})
    for name in sorted({*was, *now}):
        if was.get(name) != now.get(name):
            how = "changed" if name in was and name in now else "is new" if name in now else "is gone"
            yield f"{what} {name} of {agent} {how}"


def _used(plan: Plan, step: Step) -> dict[str, str]:
    """Return the digests of the toolchains that say something of the agent of a step."""
    return {
        each.name: _folder(each.folder) for each in plan.toolchains if each.folder and step.agent.name in each.bindings
    }


def _place(step: Step) -> str:
    whose: dict[str, JSON] = {} if step.name == step.agent.name else {"agent": step.agent.name}
    return digest({**whose, "reads": [reads.contract for reads in step.agent.reads], "writes": step.agent.writes})


@cache
def _version() -> str:
    return importlib.metadata.version("baton-engine")


@cache
def _contract_digest(contract: str) -> str:
    return digest(dict(contract_of(contract).schema))


def _signature(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """Return what tells that a folder's files are as they were, without reading them."""
    return tuple(sorted(_stats(str(folder))))


def _stats(folder: str) -> Iterator[tuple[str, int, int]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir():
                if entry.name not in _NOT_OURS:
                    yield from _stats(entry.path)
            elif entry.is_file():
                stat = entry.stat()
                yield entry.path, stat.st_mtime_ns, stat.st_size


def _folder(folder: Path) -> str:
    return _folder_digest(folder, _signature(folder))


def _skill(skill: Skill) -> str:
    """Return the digest of a skill's files, and of those of aspects from outside that its templates loop over."""
    digests = [_folder(folder) for folder in (skill.folder, *skill.aspects.folders)]
    return digest("\n".join(digests)) if skill.aspects.folders else digests[0]


@cache
def _folder_digest(folder: Path, signature: tuple[tuple[str, int, int], ...]) -> str:
    total = hashlib.sha256()
    for name, _, _ in signature:
        path = Path(name)
        total.update(
            f"{path.relative_to(folder).as_posix()}\0{hashlib.sha256(read_regular(path)).hexdigest()}\n".encode()
        )
    return total.hexdigest()
