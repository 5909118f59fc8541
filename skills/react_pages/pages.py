"""Which pages an entity has, and what each shows: the facts its templates are rendered from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from schemas.feature import Entity, Feature, FeatureField
from skills.codegen.naming import class_name, json_name, query_name, title, titles
from skills.design.aspect import Code
from skills.design.fields import naming_field, readable, writable
from skills.design.queries import listed_field, sort_values
from skills.react_pages.controls import Control, choice_label, choices_name, choosable, control, field_label
from skills.react_pages.values import FieldValue, Filter, Parameter, filters, parameters, value

_MOST_COLUMNS = 5
_NO_COLUMN = ("json", "references", "text")


@dataclass(frozen=True, kw_only=True, slots=True)
class Choices:
    """The choices of an enum field: `name` is their constant, `pairs` each value with its label."""

    name: str
    pairs: tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Related:
    """Records of another entity that refer to this one: `/todos?todo_list_id=`."""

    label: str
    address: str
    is_public: bool


@dataclass(frozen=True)
class EntityPages:
    """One entity as its pages see it."""

    entity: Entity
    feature: Feature
    added: Code  # to the page of a record, by aspects

    @property
    def stem(self) -> str:
        return class_name(self.entity.name)

    @property
    def one(self) -> str:
        return title(self.entity.name).lower()

    @property
    def many(self) -> str:
        return titles(self.entity.name).lower()

    @property
    def singular(self) -> str:
        return title(self.entity.name)

    @property
    def plural(self) -> str:
        return titles(self.entity.name)

    @property
    def base(self) -> str:
        return f"/{self.entity.collection}"

    @property
    def is_public(self) -> bool:
        return self.entity.access.read == "public"

    # ---- which pages there are

    def can(self, operation: str) -> bool:
        return operation in self.entity.operations

    @property
    def is_edited(self) -> bool:
        """Editing needs the record, which only reading it gives."""
        return self.can("update") and self.can("read")

    @property
    def has_form(self) -> bool:
        return self.can("create") or self.is_edited

    @property
    def is_referenced(self) -> bool:
        return any(
            f.type.target == self.entity.name for e in (self.feature.user, *self.feature.entities) for f in e.fields
        )

    @property
    def home(self) -> str:
        """Where to go from a record that is gone or cannot be shown."""
        return self.base if self.can("list") else "/"

    # ---- what they show

    @cached_property
    def naming(self) -> FeatureField | None:
        return naming_field(self.entity)

    @property
    def request_type(self) -> str:
        return f"{self.stem}{'Create' if self.can('create') else 'Update'}"

    @cached_property
    def controls(self) -> list[Control]:
        return [control(f, self.feature, self.request_type) for f in writable(self.entity)]

    @property
    def reads_record(self) -> bool:
        """Is there a control that an existing record fills?"""
        return any("record." in c.from_record for c in self.controls)

    @property
    def secrets(self) -> list[Control]:
        """What an existing record never gives back but a new one needs."""
        return [c for c in self.controls if c.secret and "required: true" in c.settings]

    @property
    def prefilled(self) -> set[str]:
        """The references that a new record may take from the address."""
        return {json_name(f) for f in writable(self.entity) if f.type.kind == "reference"}

    @cached_property
    def values(self) -> list[FieldValue]:
        shown = [value(f, self.feature) for f in readable(self.entity)]
        return [*shown, value(listed_field(self.entity, "owner"), self.feature)] if self._shows_owner else shown

    @cached_property
    def columns(self) -> list[FieldValue]:
        """The columns beside the record's name; text only where nothing shorter names the record."""
        fields = [f for f in readable(self.entity) if f != self.naming and not f.slug_of]
        narrow = [f for f in fields if f.type.kind not in _NO_COLUMN]
        texts = [f for f in fields if f.type.kind == "text"][:1] if self.naming is None else []
        chosen = [value(f, self.feature) for f in [*texts, *narrow]][: _MOST_COLUMNS - 1]
        if self._shows_owner:
            return [*chosen, value(listed_field(self.entity, "owner"), self.feature)]
        return chosen or [value(listed_field(self.entity, "created_at"), self.feature)]

    @property
    def name_header(self) -> str:
        return field_label(self.naming) if self.naming else self.singular

    @property
    def choices(self) -> list[Choices]:
        return enum_choices(self.entity)

    @cached_property
    def filters(self) -> list[Filter]:
        return filters(self.entity, self.feature)

    @cached_property
    def parameters(self) -> list[Parameter]:
        return parameters(self.entity)

    @property
    def sorts(self) -> list[tuple[str, str]]:
        """What `?sort=` may say, each with its label."""
        labels = []
        for sort in sort_values(self.entity):
            name = next(n for n in self.entity.sorts if json_name(listed_field(self.entity, n)) == sort.lstrip("-"))
            labels.append((sort, f"{title(name)}, {'descending' if sort.startswith('-') else 'ascending'}"))
        return labels

    @property
    def related(self) -> list[Related]:
        """The lists of other entities that can be narrowed to this record."""
        found = []
        for entity in self.feature.entities:
            fields = [f for f in entity.fields if f.type.target == self.entity.name and f.name in entity.filters]
            for field in fields if "list" in entity.operations else ():
                suffix = f" ({field_label(field).lower()})" if len(fields) > 1 else ""
                found.append(
                    Related(
                        label=f"{titles(entity.name)}{suffix}",
                        address=f"/{entity.collection}?{query_name(json_name(field))}=",
                        is_public=entity.access.read == "public",
                    )
                )
        return found

    @property
    def is_choosable(self) -> bool:
        return choosable(self.entity)

    @property
    def _shows_owner(self) -> bool:
        return self.entity.owner and self.entity.access.read != "owner"


def enum_choices(entity: Entity) -> list[Choices]:
    """Return the choices of every enum field."""
    return [
        Choices(name=choices_name(f), pairs=tuple((v, choice_label(v)) for v in f.type.values))
        for f in entity.fields
        if f.type.kind == "enum"
    ]
