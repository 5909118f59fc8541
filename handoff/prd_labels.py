"""Read an entity's labels: `**Owner:** yes`, `**Filter:** room, status`.

The labels that template skills implement set what the `Entity` says; the other known ones are checked as far as their
words go and become gaps.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from handoff.prd_entities import MOMENTS
from handoff.prd_gaps import LATER
from handoff.prd_report import Cursor, flag, words
from schemas.feature import Access, FeatureField
from schemas.handoffs import PrdLabel

RANGED: Final = frozenset({"integer", "decimal", "float", "date", "time", "datetime"})

_GROUP = re.compile(r"\(([^()]*)\)")
_READS: Final[dict[str, Literal["owner", "signed-in", "public"]]] = {
    "owner only": "owner",
    "signed-in": "signed-in",
    "signed-in read": "signed-in",
    "public read": "public",
}
_WRITES: Final[dict[str, Literal["owner", "signed-in", "admin"]]] = {
    "owner write": "owner",
    "signed-in write": "signed-in",
    "admin write": "admin",
}


@dataclass(slots=True)
class Labels:
    """What an entity's labels say, named as in `Entity`."""

    owner: bool = False
    access: Access | None = None
    unique: tuple[tuple[str, ...], ...] = ()
    filters: tuple[str, ...] = ()
    sorts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Known:
    """What labels may name. `fields` maps each declared name to its field, or None if its type could not be read."""

    entity: str
    fields: Mapping[str, FeatureField | None]
    owner: bool


@dataclass(slots=True)
class _Reader:
    known: Known
    labels: Labels = field(default_factory=Labels)


def has_owner(labels: Sequence[PrdLabel]) -> bool:
    """Return whether the entity has an owner, reporting nothing."""
    return any(_name(label.label) == "owner" and flag(label.value) for label in labels)


def read_labels(labels: Sequence[PrdLabel], known: Known, spot: Cursor) -> Labels:
    """Return what the labels say, reporting every one that is unknown, repeated, or names what is not there."""
    reader = _Reader(known)
    said: set[str] = set()
    for index, label in enumerate(labels):
        at = spot.at("labels", index)
        name = _name(label.label)
        if name in said:
            at.problem(f"the label `{label.label}` is there twice", hint="join the two lines")
        elif name in _READERS:
            _READERS[name](reader, label.value, at)
        elif name in LATER:
            if LATER[name](label.value, known.fields, at):
                at.gap(f"{known.entity}, {label.label.strip()}: {label.value.strip()}")
        else:
            at.unknown("label", label.label, _ALLOWED)
        said.add(name)
    return reader.labels


def access_of(labels: Labels) -> Access:
    """Return who reads and writes, by the `Access` label or by default."""
    if labels.access:
        return labels.access
    everyone: Literal["owner", "signed-in"] = "owner" if labels.owner else "signed-in"
    return Access(read=everyone, write=everyone)


def _name(label: str) -> str:
    return " ".join(label.casefold().split())


def _owner(reader: _Reader, value: str, spot: Cursor) -> None:
    said = flag(value)
    if said is None:
        spot.problem("`Owner` must say yes or no", got=value, expected="`yes` or `no`")
    reader.labels.owner = bool(said)


def _access(reader: _Reader, value: str, spot: Cursor) -> None:
    parts = [" ".join(part.casefold().replace("signed in", "signed-in").split()) for part in words(value)]
    read, write = parts[0], parts[1] if len(parts) > 1 else None
    for part, allowed in ((read, _READS), (write, _WRITES)):
        if part is not None and part not in allowed:
            spot.unknown("access", part, allowed)
            return
    if len(parts) > 2:  # noqa: PLR2004  # read and write
        spot.problem("`Access` has more than two parts", got=value, expected="who reads, then who writes")
        return
    owned = reader.known.owner
    default: Literal["owner", "signed-in"] = "owner" if owned else "signed-in"
    access = Access(read=_READS[read], write=_WRITES[write] if write else default)
    if not owned and "owner" in (access.read, access.write):
        spot.problem("`Access` speaks of an owner, but records have none", got=value, hint="add `**Owner:** yes`")
    elif access.read == "owner" and access.write != "owner":
        spot.problem(
            "`owner only` leaves nobody else to write", got=value, expected="`owner only`", hint="drop the second part"
        )
    else:
        reader.labels.access = access


def _unique(reader: _Reader, value: str, spot: Cursor) -> None:
    groups: list[tuple[str, ...]] = []
    for part in value.split(";"):
        found = _GROUP.fullmatch(part.strip())
        if not found:
            spot.problem("`Unique` cannot be read", got=part.strip(), expected="`(room, starts_at); (owner, name)`")
            continue
        names = tuple(words(found[1]))
        if len(names) != len(set(names)) or len(names) < 2:  # noqa: PLR2004  # one field has a rule of its own
            spot.problem(
                "a group in `Unique` needs two or more different fields",
                got=part.strip(),
                hint="for a single field, write the rule `unique` in its row",
            )
        elif any(set(names) == set(group) for group in groups):
            spot.problem("`Unique` has a group twice", got=part.strip())
        elif [name for name in names if _usable(reader, name, "Unique", spot, own=())] == list(names):
            groups.append(names)
    reader.labels.unique = tuple(groups)


def _filter(reader: _Reader, value: str, spot: Cursor) -> None:
    names = _names(reader, value, "Filter", spot)
    taken: dict[str, str] = {}
    for name in names:
        for parameter in _parameters(reader.known, name):
            other = taken.setdefault(parameter, name)
            if other != name:
                spot.problem(f"filtering by `{name}` and by `{other}` would both use the parameter `{parameter}`")
    reader.labels.filters = names


def _parameters(known: Known, name: str) -> tuple[str, ...]:
    field = known.fields.get(name)
    kind = field.type.kind if field else ("datetime" if name in MOMENTS else "reference")
    if kind in RANGED:
        return name, f"{name}_from", f"{name}_to"
    return (f"{name}_id" if kind == "reference" else name,)


def _sort(reader: _Reader, value: str, spot: Cursor) -> None:
    reader.labels.sorts = _names(reader, value, "Sort", spot)


def _names(reader: _Reader, value: str, label: str, spot: Cursor) -> tuple[str, ...]:
    names: dict[str, None] = {}
    for name in words(value):
        if name in names:
            spot.problem(f"`{label}` names `{name}` twice")
        elif _usable(reader, name, label, spot, own=MOMENTS):
            names[name] = None
    return tuple(names)


def _usable(reader: _Reader, name: str, label: str, spot: Cursor, *, own: tuple[str, ...]) -> bool:
    """Report a name that is no field or cannot serve the label; return whether it can."""
    known = reader.known
    if name in own or (name == "owner" and known.owner):
        return True
    if name not in known.fields:
        if name == "owner":
            spot.problem(f"`{label}` names `owner`, but records have none", hint="add `**Owner:** yes`")
        else:
            spot.unknown("field", name, (*known.fields, *own, *(("owner",) if known.owner else ())))
        return False
    declared = known.fields[name]
    reason = _unusable(declared, label) if declared else None
    if reason:
        spot.problem(f"`{label}` cannot name `{name}`: {reason}")
    return reason is None


def _unusable(field: FeatureField, label: str) -> str | None:
    if field.type.kind == "json":
        return "json has no order and is not compared"
    if field.type.kind == "references" and label != "Filter":
        return "it holds many records"
    if field.write_only and label != "Unique":
        return "it is write-only, and this would show it"
    return None


_READERS: Final[dict[str, Callable[[_Reader, str, Cursor], None]]] = {
    "owner": _owner,
    "access": _access,
    "unique": _unique,
    "filter": _filter,
    "sort": _sort,
}
_ALLOWED: Final = (
    "Owner", "Access", "Unique", "Check", "States", "No overlap", "Soft delete", "Search", "Filter", "Sort", "Toggle",
    "Nested under", "Endpoints",
)  # fmt: skip
