# ruff: noqa: ARG002  # hooks of the base look at nothing
"""An aspect: what one label of a PRD, or one rule of its fields, means for an app.

The templates of services, schemas, tables, tests and pages are plain skeletons; each loops over what the aspects of an
entity add to it. A hook returns what it adds, as small pieces of code with the imports they need, and by default
nothing: an aspect says only what it is about.

Not here: reading the label (`handoff.prd_labels`), finding and asking all aspects (`skills.design.aspects`).

Source: `docs/extending.md`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from schemas.base import JSON
from schemas.feature import Entity, Feature, FeatureField, Operation
from schemas.handoffs import Endpoint
from skills.codegen.imports import Import
from skills.codegen.naming import attribute, class_name, title

Refusal = tuple[int, str]  # HTTP status, and when: joined by `, or ` with what else has the status
Raised = tuple[str, str]  # exception, and the sentence that says when


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """The entity that aspects are asked about. `ruled`: business rules are asked before its records change."""

    feature: Feature
    entity: Entity
    ruled: bool = False

    @property
    def model(self) -> str:
        """The entity's Python class."""
        return class_name(self.entity.name)

    @property
    def noun(self) -> str:
        """The entity in a sentence: `todo list`."""
        return title(self.entity.name).lower()

    def said(self, label: str) -> JSON:
        """Return what a label says, by its name in lower case; None if it is not there."""
        return self.entity.labels.get(label)


@dataclass(frozen=True, slots=True)
class Code:
    """Lines of a generated module, relative to where they are put, and what they import."""

    lines: tuple[str, ...] = ()
    imports: tuple[Import, ...] = ()

    def names(self, variable: str) -> bool:
        """Say whether a line uses a variable."""
        used = re.compile(rf'(?<![.\w"]){variable}(?![\w"])')
        return any(used.search(line) for line in self.lines)


NOTHING = Code()


@dataclass(frozen=True, kw_only=True, slots=True)
class TableCheck:
    """A condition that every row keeps: as Python source of SQL in the migration, and as PostgreSQL prints it."""

    name: str
    condition: str
    definition: str


@dataclass(frozen=True, slots=True)
class Lookup:
    """A field by which records are found, or, with `ordered`, listed in order: its column gets an index."""

    field: str
    ordered: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class QueryParameter:
    """A query parameter of the list. `field` says its type; `condition` is a SQLAlchemy expression over `value`."""

    name: str
    field: FeatureField
    condition: str
    imports: tuple[Import, ...] = ()

    @property
    def attribute(self) -> str:
        """The parameter in Python."""
        return attribute(self.name)


@dataclass(frozen=True, slots=True)
class SortOrder:
    """What `?sort=value` orders by: SQLAlchemy expressions, the last of which is the id."""

    value: str
    columns: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class EntityRoute:
    """An endpoint beside the usual five: in the API contract, in the service, in the router."""

    endpoint: Endpoint
    service: Code
    router: Code


class Aspect:
    """Override what the aspect is about. Hooks of services see the names `db`, `caller`, `data`, `record`, `values`
    (what was sent, by attribute), in an update also `changes`. A service has a `caller` only where a line names it.
    """  # noqa: D205  # one thought

    name: ClassVar[str]
    after: ClassVar[tuple[str, ...]] = ()  # aspects whose code comes before this one's

    # ---- the design: tables, what is sent and answered

    def columns(self, of: Subject) -> Iterable[FeatureField]:
        """Return fields that records have beside the PRD's.

        They are stored and never sent by a client (make them `read_only`). Those that are `write_only`, too, are not
        answered either; those that are `computed` are answered, but not stored: `model` says what they are.
        """
        return ()

    def unique(self, of: Subject) -> Iterable[tuple[str, ...]]:
        """Return columns that are unique together."""
        return ()

    def checks(self, of: Subject) -> Iterable[TableCheck]:
        return ()

    def indexes(self, of: Subject) -> Iterable[Lookup]:
        return ()

    def parameters(self, of: Subject) -> Iterable[QueryParameter]:
        return ()

    def orders(self, of: Subject) -> Iterable[SortOrder]:
        return ()

    def refusals(self, of: Subject, operation: Operation) -> Iterable[Refusal]:
        """Return when an operation is refused, for the API contract."""
        return ()

    def routes(self, of: Subject) -> Iterable[EntityRoute]:
        return ()

    # ---- the model and the service

    def model(self, of: Subject) -> Code:
        """Return lines of the body of the SQLAlchemy model."""
        return NOTHING

    def query_filter(self, of: Subject) -> Code:
        """Return calls on the query of the records that somebody may see: `.where(Todo.hidden.is_(False))`.

        They may name `caller`, which is None for a visitor of public records.
        """
        return NOTHING

    def constants(self, of: Subject) -> Code:
        """Return what stands above the functions."""
        return NOTHING

    def raises(self, of: Subject, operation: Operation) -> Iterable[Raised]:
        return ()

    def arguments(self, of: Subject) -> Iterable[str]:
        """Return arguments of a new record that no client sends: `owner_id=caller.id`."""
        return ()

    def sent(self, of: Subject) -> Code:
        """Return how what was sent becomes arguments of a new record; one aspect at most has a say. Comments may
        come first.
        """  # noqa: D205  # one thought
        return NOTHING

    def authorize(self, of: Subject, operation: Operation) -> Code:
        """Return what is asked of `record` before an update or a delete, whatever was sent."""
        return NOTHING

    def before_create(self, of: Subject) -> Code:
        return NOTHING

    def before_update(self, of: Subject) -> Code:
        """Return what happens before `changes` are made to `record`, which is locked."""
        return NOTHING

    def before_delete(self, of: Subject) -> Code:
        return NOTHING

    def after_create(self, of: Subject) -> Code:
        """Return what happens in the same transaction; `await db.flush()` gives `record` its id."""
        return NOTHING

    def after_update(self, of: Subject) -> Code:
        return NOTHING

    def after_delete(self, of: Subject) -> Code:
        return NOTHING

    def remove(self, of: Subject) -> Code:
        """Return what deleting does instead of `await db.delete(record)`; one aspect at most has a say."""
        return NOTHING

    def committed(self, of: Subject, operation: Operation) -> Code:
        """Return what happens once a change is stored."""
        return NOTHING

    # ---- tests and pages

    def tests(self, of: Subject) -> Code:
        """Return tests of the app, for the module of the entity's: functions that take its fixtures."""
        return NOTHING

    def controls(self, of: Subject) -> Code:
        """Return JSX for the page of a record, over `record`; imports are `(module, name)` seen from that page."""
        return NOTHING
