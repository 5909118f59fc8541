"""All aspects: found by folder, put in order, and asked together about an entity.

Built in are the modules of `skills/aspects`; others come as `aspect.py` in folders passed in, beside the `label.py`
that reads their label.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from graphlib import CycleError, TopologicalSorter
from heapq import heappop, heappush
from pathlib import Path

from handoff.plugins import load_module
from schemas.errors import InputError
from schemas.feature import Entity, Feature, Operation
from skills.codegen.imports import Import
from skills.design.aspect import (
    NOTHING,
    Aspect,
    Code,
    EntityRoute,
    Lookup,
    QueryParameter,
    Raised,
    SortOrder,
    Subject,
    TableCheck,
)

BUILT_IN = Path(__file__).parents[1] / "aspects"
FILE = "aspect.py"


class AspectInvalid(InputError):
    """Modules of aspects that cannot be used, with every problem found."""

    code = "aspect_invalid"

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__(problems)
        self.problems = problems

    def __str__(self) -> str:
        listed = "\n".join(f"  {problem}" for problem in self.problems)
        return f"the aspects cannot be used ({len(self.problems)} found):\n{listed}"


class ColumnTaken(InputError):
    """An aspect adds a field to an entity which has another of that name."""

    code = "column_taken"

    def __init__(self, entity: str, field: str, aspect: str) -> None:
        super().__init__(entity, field, aspect)
        self.entity, self.field, self.aspect = entity, field, aspect

    def __str__(self) -> str:
        return (
            f"`{self.entity}.{self.field}`: the aspect `{self.aspect}` adds a field of that name; rename the one of the"
            " PRD, or drop the label"
        )


@dataclass(frozen=True, slots=True)
class Aspects:
    """Aspects in an order that keeps each after those it follows, otherwise by name."""

    each: tuple[Aspect, ...]
    folders: tuple[Path, ...] = ()  # of those from outside

    def of(self, subject: Subject) -> SubjectAspects:
        """Return what all aspects add to one entity."""
        return SubjectAspects(self.each, subject)

    def designed(self, feature: Feature) -> Feature:
        """Return a feature whose entities have the fields that aspects add to them.

        Raises:
            ColumnTaken: The PRD has another field of that name.
        """
        return feature.model_copy(
            update={"entities": tuple(self._with_columns(feature, entity) for entity in feature.entities)}
        )

    def _with_columns(self, feature: Feature, entity: Entity) -> Entity:
        subject = Subject(feature=feature, entity=entity)
        fields = {field.name: field for field in entity.fields}
        for aspect in self.each:
            for field in aspect.columns(subject):
                if fields.setdefault(field.name, field) != field:
                    raise ColumnTaken(entity.name, field.name, aspect.name)
        return entity.model_copy(update={"fields": tuple(fields.values())})


@dataclass(frozen=True, slots=True)
class SubjectAspects:
    """What all aspects add to `subject`."""

    each: tuple[Aspect, ...]
    subject: Subject

    def unique(self) -> tuple[tuple[str, ...], ...]:
        """Return columns that are unique together, each group once."""
        return tuple(dict.fromkeys(group for aspect in self.each for group in aspect.unique(self.subject)))

    def checks(self) -> tuple[TableCheck, ...]:
        return tuple(check for aspect in self.each for check in aspect.checks(self.subject))

    def indexes(self) -> tuple[Lookup, ...]:
        return tuple(lookup for aspect in self.each for lookup in aspect.indexes(self.subject))

    def parameters(self) -> tuple[QueryParameter, ...]:
        return tuple(parameter for aspect in self.each for parameter in aspect.parameters(self.subject))

    def orders(self) -> tuple[SortOrder, ...]:
        return tuple(order for aspect in self.each for order in aspect.orders(self.subject))

    def routes(self) -> tuple[EntityRoute, ...]:
        return tuple(route for aspect in self.each for route in aspect.routes(self.subject))

    def refusals(self, operation: Operation) -> Iterator[tuple[int, str]]:
        for aspect in self.each:
            yield from aspect.refusals(self.subject, operation)

    def raises(self, operation: Operation) -> tuple[Raised, ...]:
        """Return what an operation raises, in the order in which exceptions are usually told."""
        found = [raised for aspect in self.each for raised in aspect.raises(self.subject, operation)]
        return tuple(sorted(found, key=lambda raised: _rank(raised[0])))

    def arguments(self) -> tuple[str, ...]:
        return tuple(argument for aspect in self.each for argument in aspect.arguments(self.subject))

    def code(self, hook: Callable[[Aspect, Subject], Code]) -> Code:
        """Return the code of one hook, of all aspects: `code(lambda aspect, of: aspect.tests(of))`."""
        found = [hook(aspect, self.subject) for aspect in self.each]
        lines = tuple(line for code in found for line in code.lines)
        imports: tuple[Import, ...] = tuple(name for code in found for name in code.imports)
        return Code(lines, imports) if lines or imports else NOTHING


_TOLD = ("NotFound", "Forbidden", "ValidationFailed", "AppError", "IntegrityError")


def _rank(exception: str) -> int:
    return _TOLD.index(exception) if exception in _TOLD else len(_TOLD)


@cache
def built_in() -> Aspects:
    """Return the aspects of the labels and rules that template skills implement."""
    return Aspects(_ordered(_built_in(), []))


def find_aspects(folders: Sequence[Path]) -> Aspects:
    """Return the built-in aspects and those of `folders`, each of which holds folders with an `aspect.py`.

    Raises:
        AspectInvalid: With every module that cannot be used, and every order that cannot be.
    """
    problems: list[str] = []
    paths = [path for folder in folders for path in sorted(folder.glob(f"*/{FILE}"))]
    found = _ordered([*_built_in(), *_external(paths, problems.append)], problems)
    if problems:
        raise AspectInvalid(tuple(problems))
    return Aspects(found, tuple(path.parent for path in paths))


def _built_in() -> list[Aspect]:
    names = sorted(path.stem for path in BUILT_IN.glob("*.py") if path.stem != "__init__")
    return [importlib.import_module(f"skills.aspects.{name}").ASPECT for name in names]


def _external(paths: Sequence[Path], report: Callable[[str], None]) -> Iterator[Aspect]:
    for path in paths:
        try:
            aspect = getattr(load_module(path.parent, path.stem), "ASPECT", None)
        except Exception as error:  # noqa: BLE001  # whatever a stranger's module raises at import
            report(f"{path}: cannot be imported: {type(error).__name__}: {error}")
            continue
        if isinstance(aspect, Aspect) and isinstance(getattr(aspect, "name", None), str):
            yield aspect
        else:
            report(f"{path}: `ASPECT` must be a `skills.design.aspect.Aspect` with a `name`")


def _ordered(aspects: Sequence[Aspect], problems: list[str]) -> tuple[Aspect, ...]:
    by_name: dict[str, Aspect] = {}
    problems += [
        f"two aspects are called `{aspect.name}`; rename one"
        for aspect in sorted(aspects, key=lambda aspect: aspect.name)
        if by_name.setdefault(aspect.name, aspect) is not aspect
    ]
    problems += [
        f"the aspect `{aspect.name}` comes after `{name}`, which there is not"
        for aspect in by_name.values()
        for name in aspect.after
        if name not in by_name
    ]
    sorter = TopologicalSorter({name: aspect.after for name, aspect in by_name.items()})
    try:
        sorter.prepare()
    except CycleError as error:
        circle = " → ".join(f"`{name}`" for name in reversed(error.args[1]))
        problems.append(f"aspects come after one another in a circle: {circle}; drop one `after`")
        return ()
    return tuple(by_name[name] for name in _names(sorter) if name in by_name)


def _names(sorter: TopologicalSorter[str]) -> Iterator[str]:
    """Yield each name after those it follows, the first in the alphabet first: one more aspect moves no other."""
    ready: list[str] = []
    while sorter.is_active():
        for name in sorter.get_ready():
            heappush(ready, name)
        name = heappop(ready)
        sorter.done(name)
        yield name
