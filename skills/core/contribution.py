"""What a skill leaves: files, the packages they need, and facts.

A contribution is data; nothing is written until every contribution of a step is merged, guarded and checked.
Every skill's output contract extends `Contribution` with fields for the facts it states about its own work. Whoever
reads facts asks for their type: what the fields are called is the skill's affair.

Not here: running a skill (`skills.core.executor`), finding one (`skills.core.registry`), which facts there are
(`schemas.handoffs`, and what skills of one kind share, as `skills.python_app.parts`).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal, Self, TypeVar, get_args, get_origin

from pydantic import ModelWrapValidatorHandler, SerializeAsAny, model_validator
from pydantic.json_schema import SkipJsonSchema

from schemas.base import Document, Field, facts
from schemas.errors import RunError
from schemas.handoffs import BusinessRule, Unimplemented

_Fact = TypeVar("_Fact", bound=Document)


class ContributedFile(Document):
    """A text file to be. `path` is relative to the workspace, POSIX separators, no `..`."""

    path: str
    content: str


class KeyedFact(Document):
    """A fact with a name. If two skills of a step state it, they must state the same."""

    @property
    @abstractmethod
    def key(self) -> str:
        """Return what no two facts of this type share, unless they are equal."""


class Dependency(KeyedFact):
    """A package that a contributed file imports or runs. `version` is a requirement specifier of its ecosystem."""

    ecosystem: Literal["python", "npm"]
    name: str
    version: str
    group: Literal["runtime", "dev"]

    @property
    def key(self) -> str:
        """Return `python:fastapi`."""
        return f"{self.ecosystem}:{self.name}"


class Contribution(Document):
    """What every skill may leave."""

    files: tuple[ContributedFile, ...] = ()
    dependencies: tuple[Dependency, ...] = ()
    # What an executor adds, and no skill states. Gaps of the feature that a model implemented; the text, by path, of
    # the files that hold them as they were without them: there the rules' tests must fail; gaps that the model left,
    # with what it says of them.
    business_rules: SkipJsonSchema[tuple[BusinessRule, ...]] = ()
    baseline: SkipJsonSchema[Mapping[str, str]] = Field(default={})
    declined: SkipJsonSchema[tuple[Unimplemented, ...]] = ()

    def facts(self, kind: type[_Fact]) -> tuple[_Fact, ...]:
        """Return what is stated of one kind (`Endpoint`), in the order of the fields."""
        return facts(self, kind)

    @model_validator(mode="wrap")
    @classmethod
    def _of_assembled(cls, value: object, validate: ModelWrapValidatorHandler[Self]) -> Self:
        """Take, of what a step has assembled, the facts that this contract has fields for."""
        if not isinstance(value, Assembled) or cls is Assembled:
            return validate(value)
        seen = {name: value.facts(kind) for name, kind in _fact_fields(cls)}
        return validate({"files": value.files, "dependencies": value.dependencies, **seen})


class Assembled(Contribution):
    """What several skills left, as one. `stated` are their facts, whatever fields these were in."""

    stated: tuple[SerializeAsAny[Document], ...] = ()


class ContributionConflict(RunError):
    """Two skills of one step claim the same file, or state the same fact in different ways."""

    code = "contribution_conflict"


def merge(contributions: Sequence[tuple[str, Contribution]]) -> Assembled:
    """Return one contribution holding all of `(skill name, contribution)`, in order.

    Raises:
        ContributionConflict: Two skills claim one path, or state facts of one type and key that differ.
    """
    owners: dict[tuple[str, str], tuple[str, Document]] = {}
    for skill, contribution in contributions:
        for kind, key, item in _claims(contribution):
            earlier = owners.setdefault((kind, key), (skill, item))
            if earlier[0] != skill and (kind == "file" or earlier[1] != item):
                raise ContributionConflict(f"{kind} `{key}` is claimed by both `{earlier[0]}` and `{skill}`")
    return Assembled(
        files=tuple(file for _, each in contributions for file in each.files),
        dependencies=_once(package for _, each in contributions for package in each.dependencies),
        stated=_once(fact for _, each in contributions for fact in _stated(each)),
    )


def assembled_in(materials: Mapping[str, object]) -> Contribution:
    """Return what the skills before it in the step left, of all that a step offers a skill."""
    offered = materials.get("assembled")
    return offered if isinstance(offered, Contribution) else Contribution()


def _claims(contribution: Contribution) -> Iterator[tuple[str, str, Document]]:
    """Yield what only one skill may have, or all in the same way."""
    for file in contribution.files:
        yield "file", file.path, file
    for fact in (*contribution.dependencies, *_stated(contribution)):
        if isinstance(fact, KeyedFact):
            yield type(fact).__name__.lower(), fact.key, fact


def _stated(contribution: Contribution) -> tuple[Document, ...]:
    """Return the facts that the contract adds to those of every contribution."""
    return facts(contribution, Document, without=Contribution.model_fields)


def _fact_fields(contract: type[Contribution]) -> Iterator[tuple[str, type[Document]]]:
    """Yield the fields of a contract that hold facts, and of which kind."""
    for name, field in contract.model_fields.items():
        kind = get_args(field.annotation)[0] if get_origin(field.annotation) is tuple else None
        if name not in Contribution.model_fields and isinstance(kind, type) and issubclass(kind, Document):
            yield name, kind


def _once(stated: Iterable[_Fact]) -> tuple[_Fact, ...]:
    """Return facts, each with a key once."""
    found: dict[object, _Fact] = {}
    for number, fact in enumerate(stated):
        found[(type(fact), fact.key) if isinstance(fact, KeyedFact) else number] = fact
    return tuple(found.values())
