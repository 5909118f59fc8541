"""A feature: what a PRD means, once its words are understood.

`feature-prd` (`schemas.prd`) is the document as a person writes it, with types and rules as text. `Feature` is that
document understood: types parsed, defaults filled in, names decided. `handoff.feature` builds it, every skill reads it.

Source: `docs/prd-format.md`.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping
from decimal import Decimal
from typing import Final, Literal

from schemas.base import JSON, Document, Field
from schemas.stack import Stack

Kind = Literal[
    "string", "text", "integer", "decimal", "float", "boolean", "date", "time", "datetime",
    "uuid", "email", "url", "json", "enum", "reference", "references",
]  # fmt: skip
BUSINESS_RULE: Final = "business rule"  # kind of a gap: a sentence of the PRD
STACK: Final = "stack"  # kind of a gap: a choice that nobody provides
OnDelete = Literal["cascade", "restrict", "set null"]
Operation = Literal["list", "create", "read", "update", "delete"]


class FieldType(Document):
    """A field's type. `precision` and `scale` are a decimal's, `values` an enum's, `target` a reference's.

    `reference` is many-to-one (`Tag`), `references` many-to-many (`Tag[]`).
    """

    kind: Kind
    precision: int | None = None
    scale: int | None = None
    values: tuple[str, ...] = ()
    target: str | None = None


class FeatureField(Document):
    """One field with its rules. Lengths are in characters; `minimum` and `maximum` bound numbers, inclusive."""

    name: str  # snake_case, as the PRD writes it
    type: FieldType
    required: bool
    min_length: int | None = None
    max_length: int | None = None
    minimum: Decimal | None = None
    maximum: Decimal | None = None
    unique: bool = False
    unique_per: tuple[str, ...] = ()  # reference fields of the same entity, or `owner`
    has_default: bool = False
    default: JSON = None  # only meaningful if `has_default`
    pattern: str | None = None  # Python regular expression, searched as written
    read_only: bool = False
    write_only: bool = False
    slug_of: str | None = None
    indexed: bool = False
    on_delete: OnDelete = "restrict"  # references only
    # Answered, but not stored: what an aspect adds. Left out where it is false, so that it changes no digest.
    computed: bool = Field(default=False, exclude_if=operator.not_)


class Access(Document):
    """Who reads and who writes. `owner` is the record's owner, `admin` a user whose role is `admin`."""

    read: Literal["owner", "signed-in", "public"]
    write: Literal["owner", "signed-in", "admin"]


class Entity(Document):
    """One kind of record. `id`, `created_at`, `updated_at` (and `owner_id` if `owner`) exist without being fields."""

    name: str  # PascalCase, singular: TodoList
    singular: str  # snake_case: todo_list
    table: str  # snake_case plural: todo_lists
    collection: str  # kebab-case plural, the path segment: todo-lists
    description: str = ""
    fields: tuple[FeatureField, ...] = ()
    owner: bool = False
    access: Access
    unique: tuple[tuple[str, ...], ...] = ()  # field names; `owner` may be named
    filters: tuple[str, ...] = ()  # field names, `owner`, `created_at`, `updated_at`
    sorts: tuple[str, ...] = ()
    operations: tuple[Operation, ...] = ("list", "create", "read", "update", "delete")
    # What other labels say, by name in lower case. Left out where there are none: what nobody uses changes no digest.
    labels: Mapping[str, JSON] = Field(default={}, exclude_if=operator.not_)


class Gap(Document):
    """Something that is asked for and that no template implements.

    `kind` is `business rule`, `stack`, the key of an entity's label (`no overlap`), or of what was agreed beforehand
    `endpoint` or `decision`; `subject` the entity, the part of the stack or what is decided, empty for the whole app;
    `text` the words of the PRD or of the decision.
    """

    kind: str
    subject: str
    text: str
    reason: str


class Feature(Document):
    """A PRD understood. `user` is the built-in account entity with the fields the PRD adds to it.

    `user.fields` holds only the added fields; `email`, `name`, the password and `role` always exist.
    `entities` are the others, in the PRD's order. Names of entities, tables and collections are distinct.
    """

    title: str
    slug: str  # kebab-case
    description: str = ""
    stack: Stack
    user: Entity
    entities: tuple[Entity, ...]
    gaps: tuple[Gap, ...] = ()

    def entity(self, name: str) -> Entity:
        """Return the entity called `name` (`User` included).

        Raises:
            KeyError: No such entity.
        """
        for entity in (self.user, *self.entities):
            if entity.name == name:
                return entity
        raise KeyError(name)
