"""One entity as the templates of its service and router see it.

Not here: how it is computed (`entities`).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from skills.codegen.escaping import py


@dataclass(frozen=True, kw_only=True, slots=True)
class ReferenceCode:
    attribute: str
    model: str


@dataclass(frozen=True, kw_only=True, slots=True)
class FilterCode:
    """`condition` is an expression over `value`."""

    attribute: str
    condition: str


@dataclass(frozen=True, kw_only=True, slots=True)
class OrderCode:
    """What `?sort=value` orders by: expressions, the last of which is the id."""

    value: str
    columns: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class SlugCode:
    """A field the server makes; `optional` if its source may be absent.

    `scopes` are conditions on the records among which it is unique.
    """

    model: str
    attribute: str
    variable: str
    source: str
    longest: int
    otherwise: str
    unique: bool
    optional: bool
    scopes: tuple[str, ...]

    @property
    def arguments(self) -> str:
        """The arguments of `free_slug` after the session."""
        return ", ".join((f"{self.model}.{self.attribute}", self.variable, *self.scopes))


@dataclass(kw_only=True, slots=True)
class EntityCode:
    """One entity as its templates see it: words for people, names for code, and what it has."""

    name: str
    singular: str
    plural: str
    one: str
    tag: str
    collection: str
    operations: tuple[str, ...]
    statuses: dict[str, str]
    service: str
    list_name: str
    id_name: str
    owner: bool
    private: bool
    public: bool
    owner_check: bool
    restricted: bool
    unique: bool
    null_defaults: bool
    writer: str
    references: list[ReferenceCode]
    filters: list[FilterCode]
    orders: list[OrderCode]
    slugs: list[SlugCode]
    many: list[str]
    ruled: bool  # business rules are asked before a record changes
    service_imports: list[str] = field(default_factory=list)
    router_imports: list[str] = field(default_factory=list)

    @property
    def reader(self) -> str:
        """The argument that says who reads."""
        return "None" if self.public else "caller"

    @property
    def rules(self) -> str:
        """The module of the business rules."""
        return f"{self.service.removesuffix('_service')}_rules"

    @property
    def create_caller(self) -> bool:
        """Whether making a record needs to know who makes it, beyond being let in."""
        return (
            self.owner
            or self.ruled
            or bool(self.references)
            or any("caller" in s for slug in self.slugs for s in slug.scopes)
        )

    @property
    def made(self) -> list[str]:
        """The arguments that make a record: what was sent, and what no client sends."""
        slugs = [f"{slug.attribute}={slug.variable}" for slug in self.slugs]
        if self.null_defaults:
            sent = "**{name: null() if value is None else value for name, value in values.items()}"
        else:
            sent = "**values" if self.references else "**data.model_dump()"
        return [sent, *slugs, *(["owner_id=caller.id"] if self.owner else [])]

    @property
    def many_changed(self) -> str:
        """The condition that a many-to-many is among the changes."""
        if len(self.many) == 1:
            return f"{py(self.many[0])} in changes"
        return f"changes.keys() & {{{', '.join(map(py, self.many))}}}"
