"""What there is to test about one entity: its endpoints, who may do what, and the values that its rules turn on.

Computed from the `Feature` alone, so that the tests state what was asked for and not what was built.

Not here: values of a field (`values`), how a test is written (`templates/tests`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

from schemas.feature import Entity, Feature, FeatureField
from skills.codegen import naming
from skills.edge_case_tester import texts, values
from skills.edge_case_tester.distinct import distinct
from skills.edge_case_tester.links import Link, UniqueRule, argument, rests_on_links
from skills.edge_case_tester.value import Value

MOMENTS = ("created_at", "updated_at")
_METHODS = {"list": "GET", "create": "POST", "read": "GET", "update": "PATCH", "delete": "DELETE"}
# What `conftest.py` and `factories.py` define and import themselves, as far as a table can be called so.
_FIXTURES = frozenset({
    "accounts", "admin", "alice", "app", "asyncio", "bad_credentials", "bob", "clients", "collections", "command",
    "delete", "expect", "factories", "hash_cheaply", "jwt", "os", "partial", "pytest", "request", "service", "settings",
    "text", "visitor",
})  # fmt: skip
_BODIES = frozenset({"account_body"})
_MODULES = frozenset({"test_auth", "test_health", "test_openapi_properties"})
_HELPERS = (
    "BAD_IDS",
    "INERT_TEXTS",
    "NO_SUCH_ID",
    "Collection",
    "Record",
    "expect",
    "expect_error",
    "expect_invalid",
    "without",
)
_BAD_PAGES = (
    ("limit", "0"),
    ("limit", "101"),
    ("limit", "many"),
    ("offset", "-1"),
    ("offset", "many"),
    ("offset", "9223372036854775808"),
)
_BAD_SORTS = (("sort", "no_such_field"), ("sort", "-no_such_field"))
_RANGED = frozenset({"integer", "decimal", "float", "date", "time", "datetime"})
_BAD_FILTERS = {
    "integer": "many",
    "decimal": "many",
    "float": "many",
    "boolean": "perhaps",
    "date": "tomorrow",
    "time": "noon",
    "datetime": "2030-01-31T12:30:00",
    "uuid": "unknown",
    "reference": "first",
    "references": "first",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One row of a table of cases: `field` as JSON names it, and a value."""

    field: str
    value: Value

    @property
    def label(self) -> str:
        return f"{self.field}: {self.value.label}"

    @property
    def argument(self) -> str:
        return argument(self.field, self.value.sent)


@dataclass(frozen=True, kw_only=True, slots=True)
class Change(Row):
    """A change of one field. `start`: what the record is made with, where a new one may have the value already."""

    start: str | None = None

    @property
    def before(self) -> str:
        """Return the argument that makes the record."""
        return "" if self.start is None else argument(self.field, self.start)

    @property
    def comparison(self) -> str:
        """Return what follows the changed field in an assertion."""
        returned = self.value.returned
        return f"is {returned}" if returned in {"True", "False"} else f"== {returned}"


@dataclass(frozen=True, eq=False)
class EntitySuite:
    """One entity as its tests see it. `fixture` names its collection; `writer` the account that may create."""

    feature: Feature
    entity: Entity

    @property
    def fixture(self) -> str:
        table = self.entity.table
        return f"{table}_" if table in (*_FIXTURES, self.entity.singular) else naming.variable(table)

    @property
    def module(self) -> str:
        name = f"test_{naming.module_name(self.entity.name)}"
        return f"{name}_records" if name in _MODULES else name

    @property
    def body(self) -> str:
        name = f"{self.entity.singular}_body"
        return f"{name}_" if name in _BODIES else name

    @property
    def path(self) -> str:
        return f"/api/v1/{self.entity.collection}"

    @property
    def words_plural(self) -> str:
        """Return the entity's records as the first words of a sentence: `Todo lists`."""
        return naming.titles(self.entity.name)

    @property
    def writer(self) -> str:
        return "admin" if self.entity.access.write == "admin" else "alice"

    @property
    def protected(self) -> list[tuple[str, str]]:
        """Return method and path of the endpoints that need a signed-in account."""
        public = {"list", "read"} if self.entity.access.read == "public" else set()
        return [self._request(name) for name in _METHODS if self.offers(name) and name not in public]

    @property
    def left_out(self) -> list[tuple[str, str, int]]:
        """Return method, path and answer of what the PRD leaves out: 404 where the path has no endpoint at all."""
        left_out = [self._request(name) for name in _METHODS if not self.offers(name)]
        known = {self._request(name)[1] for name in self.entity.operations}
        return [(method, path, 405 if path in known else 404) for method, path in left_out]

    @staticmethod
    def helpers(module: str) -> list[str]:
        """Return the names of `tests.api` that the text of a module uses."""
        return [name for name in _HELPERS if re.search(rf"\b{name}\b", module)]

    @property
    def endpoints(self) -> list[str]:
        item = f"{self.path}/{{{self.entity.singular}_id}}"
        paths = {name: self.path if name in {"list", "create"} else item for name in self.entity.operations}
        return [f"{_METHODS[name]} {path}" for name, path in paths.items()]

    def _request(self, operation: str) -> tuple[str, str]:
        return _METHODS[operation], self.path if operation in {"list", "create"} else f"{self.path}/1"

    def offers(self, *operations: str) -> bool:
        return all(operation in self.entity.operations for operation in operations)

    @cached_property
    def creatable(self) -> bool:
        """Can a test make one through the API, with everything it needs?"""
        return self.offers("create") and all(not link.to_itself and link.usable for link in self.required_links)

    # ---- fields -------------------------------------------------------------------------------------------------

    @cached_property
    def inputs(self) -> tuple[FeatureField, ...]:
        """Return the fields a client may send."""
        return tuple(field for field in self.entity.fields if not field.read_only and field.slug_of is None)

    @property
    def required(self) -> tuple[FeatureField, ...]:
        return tuple(field for field in self.inputs if field.required and not field.has_default)

    @property
    def defaults(self) -> list[tuple[str, str]]:
        """Return names and what a response shows when they were left out."""
        left_out = {name for name, _ in self.body_fields}
        shown = (field for field in self.entity.fields if field.has_default and not field.write_only)
        return [(naming.json_name(f), default(f)) for f in shown if naming.json_name(f) not in left_out]

    @property
    def server_made(self) -> tuple[str, ...]:
        """Return the names that a client may not send."""
        made = [naming.json_name(field) for field in self.entity.fields if field not in self.inputs]
        return ("id", "created_at", "updated_at", *(("owner_id",) if self.entity.owner else ()), *made)

    @property
    def hidden(self) -> tuple[str, ...]:
        return tuple(naming.json_name(field) for field in self.entity.fields if field.write_only)

    @property
    def response_fields(self) -> tuple[str, ...]:
        shown = (naming.json_name(field) for field in self.entity.fields if not field.write_only)
        return ("id", *shown, *(("owner_id",) if self.entity.owner else ()), *MOMENTS)

    @property
    def text_fields(self) -> tuple[str, ...]:
        return tuple(naming.json_name(f) for f in self.inputs if texts.takes_any_text(f) and not f.write_only)

    @property
    def invalid(self) -> tuple[Row, ...]:
        return tuple(Row(field=naming.json_name(f), value=value) for f in self.inputs for value in values.refused(f))

    @property
    def valid(self) -> tuple[Row, ...]:
        shown = (field for field in self.inputs if not field.write_only)
        return tuple(Row(field=naming.json_name(f), value=value) for f in shown for value in values.accepted(f))

    @cached_property
    def body_fields(self) -> tuple[tuple[str, str], ...]:
        """Return name and expression of what every new record is sent with: required fields and unique ones."""
        unique = {name for rule in self.unique_rules for name in rule.names}
        alone = {name for rule in self.unique_rules for name in rule.told_apart_by}
        sent = (field for field in self.inputs if field in self.required or field.name in unique)
        plain = (field for field in sent if field.type.kind not in {"reference", "references"})
        return tuple((naming.json_name(field), self._new(field, unique=field.name in alone)) for field in plain)

    def _new(self, field: FeatureField, *, unique: bool) -> str:
        counter = f"{self.entity.table}.{field.name}"
        return (distinct(field, counter) if unique else None) or values.fresh(field)

    # ---- references and unique rules ------------------------------------------------------------------------------

    @cached_property
    def _sent_links(self) -> tuple[Link, ...]:
        return tuple(self._link(field) for field in self.inputs if field.type.target)

    @cached_property
    def links(self) -> tuple[Link, ...]:
        return tuple(link for link in self._sent_links if not link.many)

    @cached_property
    def all_links(self) -> tuple[Link, ...]:
        many = (link for link in self._sent_links if link.many)
        return tuple(link for link in (*self.links, *many) if link.usable)

    @cached_property
    def required_links(self) -> tuple[Link, ...]:
        """Return the references that every new record is sent with: of many, at least one."""
        return tuple(link for link in self._sent_links if link.field in self.required)

    @cached_property
    def own_links(self) -> tuple[Link, ...]:
        """Return the references that need a record of their own each time, because a unique rule rests on them."""
        return tuple(dict.fromkeys(rests_on_links(self)))

    @property
    def body_links(self) -> tuple[Link, ...]:
        return tuple(link for link in self.required_links if link not in self.own_links)

    @property
    def fixture_links(self) -> tuple[Link, ...]:
        """Return one reference for each fixture that the collection's own fixture needs."""
        return tuple({link.fixture: link for link in self.required_links}.values())

    def _link(self, field: FeatureField) -> Link:
        target = self.feature.entity(field.type.target or "")
        return Link(field, self, self if target == self.entity else EntitySuite(self.feature, target))

    @cached_property
    def unique_rules(self) -> tuple[UniqueRule, ...]:
        """Return what is unique together, as far as a client can send it: no group that a smaller one implies."""
        groups: dict[tuple[str, ...], None] = {}
        for field in self.entity.fields:
            if field.unique:
                groups[(field.name,)] = None
            for scope in field.unique_per:
                groups[(scope, field.name)] = None
        groups.update(dict.fromkeys(self.entity.unique))
        implied = {group for group in groups if any({*other} < {*group} for other in groups)}
        rules = (UniqueRule(self, group) for group in groups if group not in implied)
        return tuple(rule for rule in rules if rule.testable)

    # ---- queries --------------------------------------------------------------------------------------------------

    @property
    def filter_rows(self) -> list[tuple[str, str, str, str]]:
        """Return parameter, field, a value to look for, and another value."""
        rows = []
        for field in self._filtered():
            pair = values.different(field)
            if len(pair) > 1:
                rows.append((naming.query_name(field.name), field.name, pair[0], pair[1]))
        return rows

    @property
    def range_rows(self) -> list[tuple[str, str, tuple[str, ...]]]:
        """Return parameter, field, and three values in ascending order."""
        ranged = (field for field in self._filtered() if field.type.kind in _RANGED)
        rows = [(naming.query_name(field.name), field.name, values.ordered(field)) for field in ranged]
        return [row for row in rows if len(row[2]) > 2]  # noqa: PLR2004  # below, at and above a bound

    @property
    def bad_queries(self) -> list[tuple[str, str]]:
        """Return parameters and the values they refuse."""
        found = [*_BAD_PAGES, *(_BAD_SORTS if self.entity.sorts else ())]
        for field in self.entity.fields:
            if field.name in self.entity.filters and field.type.kind != "json" and not field.write_only:
                parameter = naming.query_name(naming.json_name(field))
                bad = _BAD_FILTERS.get(field.type.kind, "unknown" if field.type.kind == "enum" else "a\x00b")
                suffixes = ("", "_from", "_to") if field.type.kind in _RANGED else ("",)
                found += [(f"{parameter}{suffix}", bad) for suffix in suffixes]
        found += [(f"{moment}_from", "yesterday") for moment in self.moment_filters]
        return [*found, *([("owner_id", "me")] if "owner" in self.entity.filters else [])]

    @property
    def filtered_links(self) -> list[tuple[Link, str]]:
        """Return references that a list is filtered by, and the parameter."""
        links = (link for link in self.all_links if link.field.name in self.entity.filters)
        return [(link, naming.query_name(link.name)) for link in links]

    @property
    def sort_rows(self) -> list[tuple[str, tuple[str, ...], str]]:
        """Return each sort, values in ascending order, and what comes last both ways: null if it may be."""
        rows = []
        for field in self.inputs:
            found = values.ordered(field)
            if field.name in self.entity.sorts and len(found) > 1 and not field.write_only:
                rows.append((field.name, found, "[]" if field.required else "[None]"))
        return rows

    @property
    def moment_sorts(self) -> list[str]:
        return [moment for moment in MOMENTS if moment in self.entity.sorts]

    @property
    def moment_filters(self) -> list[str]:
        return [moment for moment in MOMENTS if moment in self.entity.filters]

    @cached_property
    def change(self) -> Change | None:
        """Return a change of the first field whose value can be told from the one a new record has."""
        shown = (field for field in self.inputs if not field.write_only)
        return next((change for field in shown if (change := self._change(field))), None)

    def _change(self, field: FeatureField) -> Change | None:
        name = naming.json_name(field)
        sent = name in dict(self.body_fields)
        if values.never_fresh(field) if sent else not field.has_default:
            value = next((value for value in values.accepted(field) if value.sent != "None"), None)
            return None if value is None else Change(field=name, value=value)
        pair = values.different(field)
        if len(pair) < 2:  # noqa: PLR2004  # from one to another
            return None
        return Change(field=name, value=Value(label="another", sent=pair[1]), start=pair[0])

    def _filtered(self) -> Iterator[FeatureField]:
        plain = (f for f in self.inputs if f.type.kind not in {"reference", "references", "json"})
        return (field for field in plain if field.name in self.entity.filters and not field.write_only)


def default(field: FeatureField) -> str:
    """Return the field's default as Python source, as a response shows it."""
    if field.type.kind == "decimal":
        return f'"{Decimal(str(field.default)):.{field.type.scale or 0}f}"'
    return repr(field.default)
