"""One entity as the templates of its service and router see it: words for people, names and pieces of code.

Not here: how it is computed (`entities`), what aspects add (`skills.aspects`).
"""

from __future__ import annotations

from dataclasses import dataclass

from skills.design.aspect import NOTHING, Code, EntityRoute, QueryParameter, Raised, SortOrder


@dataclass(frozen=True, kw_only=True, slots=True)
class ChangeCode:
    """What a create, an update or a delete does, by moment, and what it may raise."""

    raises: tuple[Raised, ...]
    authorize: Code = NOTHING
    before: Code = NOTHING
    change: Code = NOTHING  # how a delete removes the record; comments on how a create makes it
    after: Code = NOTHING
    committed: Code = NOTHING

    @property
    def whole(self) -> Code:
        """All of it, one after the other."""
        pieces = (self.authorize, self.before, self.change, self.after, self.committed)
        return Code(
            tuple(line for piece in pieces for line in piece.lines),
            tuple(name for piece in pieces for name in piece.imports),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class EntityCode:
    """One entity as its templates see it. `owner`, `private` and `public` are said in docstrings and signatures."""

    model: str
    name: str
    singular: str
    plural: str
    one: str
    tag: str
    collection: str
    operations: tuple[str, ...]
    statuses: dict[str, str]
    service: str
    rules: str  # the module of the business rules
    list_name: str
    id_name: str
    owner: bool
    private: bool
    public: bool
    writer: str
    parameters: tuple[QueryParameter, ...]
    orders: tuple[SortOrder, ...]
    constants: Code
    read_raises: tuple[Raised, ...]
    create: ChangeCode
    arguments: str  # of a new record
    update: ChangeCode
    delete: ChangeCode
    routes: tuple[EntityRoute, ...]

    @property
    def belongs(self) -> str:
        """What is said of a new record's owner."""
        return ", which belongs to the caller" if self.owner else ""

    @property
    def reader(self) -> str:
        """The argument that says who reads."""
        return "None" if self.public else "caller"

    @property
    def create_caller(self) -> bool:
        """Whether making a record needs to know who makes it, beyond being let in."""
        return Code((*self.create.whole.lines, self.arguments)).names("caller")
