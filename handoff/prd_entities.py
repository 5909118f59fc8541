"""Decide the names of entities and fields, and refuse those that cannot stand side by side.

An entity's name becomes a class, a table and a path, a field's name a column and a JSON key: each clash is reported
here with both places, before any skill meets it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from handoff.prd_names import ENTITY_NAME, FIELD_NAME, MAX_NAME_BYTES, kebab_case, pascal_case, plural, snake_case
from handoff.prd_report import Cursor
from schemas.feature import Entity, FeatureField
from schemas.handoffs import PrdEntity

USER: Final = "User"
MOMENTS: Final = ("created_at", "updated_at")

_OWN_COLUMNS: Final = ("id", *MOMENTS)
_USER_COLUMNS: Final = ("email", "name", "password", "hashed_password", "role", "token_version")
_SYSTEM_COLUMNS: Final = frozenset({"tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"})
_OWN_TABLES: Final = {"users": "the accounts", "alembic_version": "the migrations"}
OWN_PATHS: Final = {"auth": "signing in"}
OWN_OPERATIONS: Final = {"me": "`read_me` is the operation that reads the signed-in user"}
_CONSTRAINT_PREFIXES: Final = ("pk_", "fk_", "uq_", "ck_", "ix_")
_MAX_COLUMNS: Final = 1600  # that PostgreSQL gives a table
_SCHEMA_SUFFIXES: Final = ("Create", "Update", "Response", "Page")
_ASCII = "names become identifiers in Python, SQL, TypeScript and URLs: ASCII letters and digits only"


@dataclass(frozen=True, slots=True)
class EntityNames:
    """An entity's name in every form."""

    name: str
    singular: str
    table: str
    collection: str


def names_of(entity: str) -> EntityNames:
    """Return the forms of a PascalCase name."""
    singular = snake_case(entity)
    table = plural(singular)
    return EntityNames(entity, singular, table, kebab_case(table))


def check_entity_names(entities: Sequence[PrdEntity], root: Cursor) -> None:
    """Report every entity name that is malformed, taken, or cannot be told from another's."""
    seen: dict[str, str] = {}
    tables: dict[str, str] = {}
    known = {USER, *(entity.name for entity in entities)}
    for index, entity in enumerate(entities):
        spot = entity_spot(root, index, entity.name)
        earlier = seen.get(entity.name.casefold())
        seen[entity.name.casefold()] = entity.name
        if earlier is not None:
            spot.problem(f"the entity `{entity.name}` is there twice", got=f"also `{earlier}`", hint="join the two")
        elif not ENTITY_NAME.fullmatch(entity.name):
            _malformed(spot, "entity", entity.name, "`PascalCase`, as `TodoList`", pascal_case(entity.name))
        elif entity.name != USER:
            _check_tables(names_of(entity.name), tables, spot)
            _check_classes(entity.name, known, spot)


def entity_spot(root: Cursor, index: int, name: str) -> Cursor:
    """Return the place of an entity."""
    return root.at("entities", index, section=f"Entities, {name}")


def _check_tables(names: EntityNames, tables: dict[str, str], spot: Cursor) -> None:
    earlier = tables.setdefault(names.table, names.name)
    if earlier != names.name:
        spot.problem(
            f"`{names.name}` and `{earlier}` would share the table `{names.table}`", hint="name one differently"
        )
    reason = _OWN_TABLES.get(names.table) or OWN_PATHS.get(names.collection)
    if reason:
        spot.problem(f"`{names.name}` would take the name `{names.table}`, which belongs to {reason}")
    if names.singular in OWN_OPERATIONS:
        spot.problem(f"an entity cannot be called `{names.name}`: {OWN_OPERATIONS[names.singular]}")
    if names.table.startswith(_CONSTRAINT_PREFIXES):
        spot.problem(
            f"the table `{names.table}` could be mistaken for a constraint or an index",
            expected=f"a name that does not begin with one of {', '.join(_CONSTRAINT_PREFIXES)}",
        )
    _check_length(spot.at("name"), names.table, f"the table of `{names.name}`")
    _check_length(spot.at("name"), f"{names.singular}_id", f"the column that leads to a `{names.name}`")


def _check_classes(name: str, known: Iterable[str], spot: Cursor) -> None:
    for suffix in _SCHEMA_SUFFIXES:
        base = name.removesuffix(suffix)
        if base != name and base in known:
            spot.problem(
                f"`{name}` is also what the API calls a part of `{base}`",
                hint=f"name it without `{suffix}` at the end, or as one word more",
            )


def check_field_name(name: str, spot: Cursor) -> bool:
    """Report a field name that no column can have; return whether it is fine."""
    if not FIELD_NAME.fullmatch(name):
        _malformed(spot, "field", name, "`snake_case`, as `due_at`", snake_case(pascal_case(name)))
        return False
    if name in _SYSTEM_COLUMNS:
        spot.problem(f"no column can be called `{name}`: PostgreSQL keeps that name for itself")
        return False
    return _check_length(spot, f"{name}_id", f"the column of a reference `{name}`")


def check_field_clashes(
    fields: Mapping[str, FeatureField], entity: str, spots: Mapping[str, Cursor], *, owner: bool
) -> None:
    """Report fields whose columns or JSON keys are taken, by every record's own or by another field."""
    taken = dict.fromkeys(_OWN_COLUMNS, "every record has it")
    if owner:
        taken |= dict.fromkeys(("owner", "owner_id"), "`Owner` adds it")
    if entity == USER:
        taken |= dict.fromkeys(_USER_COLUMNS, "every account has it")
    for name, field in fields.items():
        keys = {name, *_suffixed(field)}
        for key in sorted(keys & taken.keys()):
            spots[name].problem(f"the field `{name}` clashes with `{key}`: {taken[key]}", hint="name it differently")
        taken |= dict.fromkeys(keys, f"the field `{name}` takes it")


def check_limits(fields: Mapping[str, FeatureField], entity: str, spots: Mapping[str, Cursor], *, owner: bool) -> None:
    """Report join tables with names too long for PostgreSQL, and fields beyond the columns that it gives a table."""
    table = names_of(entity).table
    added = [name for name in _USER_COLUMNS if name != "password"] if entity == USER else ["owner_id"] * owner
    columns = len(_OWN_COLUMNS) + len(added)
    for name, field in fields.items():
        if field.type.kind == "references":
            _check_length(spots[name], f"{table}_{name}", f"the join table of `{entity}.{name}`")
            continue
        columns += 1
        if columns == _MAX_COLUMNS + 1:
            spots[name].problem(
                f"`{entity}` has more columns than PostgreSQL gives a table",
                expected=f"at most {_MAX_COLUMNS}, {len(_OWN_COLUMNS) + len(added)} of them each record's own",
                hint=f"move fields from `{name}` on to an entity of their own",
            )


def check_join_tables(entities: Sequence[Entity], spots: Mapping[str, Cursor]) -> None:
    """Report many-to-many fields whose join table is another's table."""
    tables = {entity.table: f"`{entity.name}`" for entity in entities}
    for entity in entities:
        for field in entity.fields:
            table = f"{entity.table}_{field.name}"
            if field.type.kind != "references":
                continue
            spot = spots[entity.name]
            if table in tables:
                spot.problem(f"the join table of `{field.name}` would be `{table}`, which belongs to {tables[table]}")
            tables[table] = f"`{entity.name}.{field.name}`"


def _suffixed(field: FeatureField) -> list[str]:
    suffix = {"reference": "_id", "references": "_ids"}.get(field.type.kind)
    return [f"{field.name}{suffix}"] if suffix else []


def _check_length(spot: Cursor, name: str, what: str) -> bool:
    if len(name) > MAX_NAME_BYTES:
        spot.problem(
            f"{what} has too long a name for PostgreSQL",
            got=name,
            expected=f"at most {MAX_NAME_BYTES} characters",
            hint=f"make it {len(name) - MAX_NAME_BYTES} shorter",
        )
        return False
    return True


def _malformed(spot: Cursor, what: str, name: str, form: str, suggestion: str) -> None:
    pattern = ENTITY_NAME if what == "entity" else FIELD_NAME
    fits = name.isascii() and pattern.fullmatch(suggestion)
    hint = f"did you mean `{suggestion}`?" if fits else _ASCII
    spot.problem(f"`{name}` cannot name {'an entity' if what == 'entity' else 'a field'}", expected=form, hint=hint)
