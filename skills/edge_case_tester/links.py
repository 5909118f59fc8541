"""References between entities and unique rules, as the statements that a test of them is made of."""

from __future__ import annotations

import keyword
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from schemas.feature import FeatureField
from skills.codegen import naming

if TYPE_CHECKING:
    from skills.edge_case_tester.suite import EntitySuite

COUNTED = frozenset({"enum", "boolean", "reference", "references"})  # kinds with too few values to be new each time


def argument(name: str, value: str) -> str:
    """Return a keyword argument; one that Python cannot spell is unpacked."""
    return f'**{{"{name}": {value}}}' if keyword.iskeyword(name) else f"{name}={value}"


@dataclass(frozen=True, eq=False, slots=True)
class Link:
    """`field` of `child` holds the id (or, of a many-to-many, the ids) of records of `parent`."""

    field: FeatureField
    child: EntitySuite
    parent: EntitySuite

    @property
    def name(self) -> str:
        return naming.json_name(self.field)

    @property
    def many(self) -> bool:
        return self.field.type.kind == "references"

    @property
    def to_user(self) -> bool:
        return self.parent.entity.name == "User"

    @property
    def to_itself(self) -> bool:
        return self.parent.entity.name == self.child.entity.name

    @property
    def usable(self) -> bool:
        """Can a test make what it refers to?"""
        return self.to_user or self.parent.creatable

    @property
    def hideable(self) -> bool:
        """Can another account have a record that this one may not refer to?"""
        access = self.parent.entity.access
        return self.usable and not self.to_user and access.read == "owner" and access.write != "admin"

    @property
    def deletable(self) -> bool:
        return self.usable and not self.to_user and self.parent.offers("delete") and self.child.offers("read")

    @property
    def fixture(self) -> str:
        """Return the fixture that makes what it refers to."""
        return "accounts" if self.to_user else self.parent.fixture

    @property
    def arguments(self) -> str:
        """Return the parameters a test needs beside its own collection, to make what it refers to."""
        if self.to_user:
            return ", accounts: dict[str, Record]"
        return "" if self.to_itself else f", {self.parent.fixture}: Collection"

    def make(self, account: str = "alice") -> str:
        """Return an expression for the id of a new record; of `account`'s id if it refers to users."""
        return f'accounts["{account}"]["id"]' if self.to_user else f'(await {self.parent.fixture}.create())["id"]'

    def sent(self, record_id: str) -> str:
        """Return an expression for what a body holds, so that it refers to a record with this id."""
        return f"[{record_id}]" if self.many else record_id

    def foreign(self, name: str) -> list[str]:
        """Return statements that leave in `name` a record that belongs to bob."""
        return _foreign(self.parent, name)

    @property
    def foreign_fixtures(self) -> list[str]:
        return [fixture for fixture in _fixtures(self.parent) if fixture != self.child.fixture]


def hidden_links(suite: EntitySuite) -> Iterator[Link]:
    """Give the required references of which bob needs a record of his own."""
    return (link for link in suite.required_links if link.hideable)


def _foreign(suite: EntitySuite, name: str) -> list[str]:
    lines, changes = [], []
    for link in hidden_links(suite):
        theirs = f"{name}_{link.field.name}"
        lines += _foreign(link.parent, theirs)
        changes.append(argument(link.name, link.sent(f'{theirs}["id"]')))
    return [*lines, f"{name} = await {suite.fixture}.seen_by(bob).create({', '.join(changes)})"]


def _fixtures(suite: EntitySuite) -> list[str]:
    found = {suite.fixture: None}
    for link in hidden_links(suite):
        found.update(dict.fromkeys(_fixtures(link.parent)))
    return list(found)


@dataclass(frozen=True, eq=False, slots=True)
class UniqueRule:
    """Fields that are unique together, `owner` perhaps among them, as PRD names."""

    suite: EntitySuite
    names: tuple[str, ...]

    @property
    def slug(self) -> str:
        return "_and_".join(name for name in self.names if name != "owner")

    @property
    def fields(self) -> list[FeatureField]:
        by_name = {field.name: field for field in self.suite.entity.fields}
        return [by_name[name] for name in self.names if name != "owner"]

    @property
    def links(self) -> list[Link]:
        return [link for link in self.suite.links if link.field in self.fields]

    @property
    def told_apart_by(self) -> list[str]:
        """Return the fields whose values keep records apart: those that count, or else those of few values."""
        if any(link in self.suite.own_links for link in self.links):
            return []
        sent = [field for field in self.fields if field.type.target is None]
        counted = [field for field in sent if field.type.kind not in COUNTED]
        return [field.name for field in counted or sent]

    @property
    def testable(self) -> bool:
        shown = all(field in self.suite.inputs and not field.write_only for field in self.fields)
        return bool(self.fields) and shown and all(link.usable for link in self.links)

    @property
    def per_owner(self) -> bool:
        return "owner" in self.names and self.suite.entity.access.write != "admin"

    @property
    def _given_links(self) -> list[Link]:
        return [link for link in self.links if link not in self.suite.required_links]

    @property
    def arguments(self) -> str:
        return "".join(dict.fromkeys(link.arguments for link in self._given_links))

    @property
    def given(self) -> str:
        """Return arguments that fill in the rule's fields which a new record would leave empty."""
        return ", ".join(argument(link.name, link.make()) for link in self._given_links)

    @property
    def taken(self) -> str:
        return self._taken({})

    def create(self, repeated: str) -> str:
        """Return the statement that makes a first record; it has a name only where `repeated` uses it."""
        made = f"await {self.suite.fixture}.create({self.given})"
        return f"taken = {made}" if "taken[" in repeated else made

    def taken_but(self, link: Link) -> str:
        """Return the arguments that repeat the taken values, another record for `link` aside."""
        return self._taken({link.name: "other"})

    def _taken(self, instead: dict[str, str]) -> str:
        names = [naming.json_name(field) for field in self.fields]
        repeated = {name: f'taken["{name}"]' for name in names}
        return ", ".join(argument(name, value) for name, value in {**repeated, **instead}.items())

    def scope_arguments(self, link: Link) -> str:
        """Return the parameters of a test that has another record for `link`."""
        return "".join(dict.fromkeys((*(given.arguments for given in self._given_links), link.arguments)))

    @property
    def scopes(self) -> list[Link]:
        """Return the references of the rule that may differ: another record, and the rest may be the same."""
        return self.links if len(self.names) > 1 else []

    @property
    def foreign_lines(self) -> list[str]:
        lines = []
        for link in hidden_links(self.suite):
            lines += link.foreign(f"their_{link.field.name}")
        return lines

    @property
    def foreign_arguments(self) -> str:
        """Return the parameters a test needs beside its own collection and bob, to make all that bob refers to."""
        given = (link.arguments for link in self._given_links)
        theirs = (f", {f}: Collection" for link in hidden_links(self.suite) for f in link.foreign_fixtures)
        return "".join(dict.fromkeys((*given, *theirs)))

    @property
    def taken_by_bob(self) -> str:
        return self._taken(
            {link.name: link.sent(f'their_{link.field.name}["id"]') for link in hidden_links(self.suite)}
        )


def rests_on_links(suite: EntitySuite) -> Iterator[Link]:
    """Give, for each unique rule that no counting value keeps apart, the reference that must differ each time."""
    for rule in suite.unique_rules:
        if all(field.type.kind in COUNTED for field in rule.fields):
            yield from [link for link in rule.links if link in suite.required_links and not link.to_user][-1:]
