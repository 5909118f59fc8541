"""Check what fields say about other fields and other entities, once all of them are known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise

from handoff.prd_entities import USER
from handoff.prd_report import Cursor
from schemas.feature import Entity, FeatureField


def check_named_fields(fields: Mapping[str, FeatureField], spots: Mapping[str, Cursor], *, owner: bool) -> None:
    """Report `unique per` and `slug of` rules that name what they cannot.

    Args:
        fields: Of one entity, by name.
        spots: Where each field stands.
        owner: Whether the entity's records have an owner.
    """
    for name, field in fields.items():
        for other in field.unique_per:
            _check_unique_per(name, other, fields, spots[name], owner=owner)
        if field.slug_of is not None:
            _check_slug(field, field.slug_of, fields, spots[name])


def check_circles(entities: Sequence[Entity], spots: Mapping[str, Cursor]) -> None:
    """Report entities whose required references go round in a circle: no first record could ever be made."""
    needs = {entity.name: _needs(entity) for entity in entities}
    for name, wanted in needs.items():
        if name in wanted:
            field = wanted.pop(name)
            spots[name].problem(
                f"`{name}` requires another `{name}` (`{field}`): no first record could be made",
                hint=f"make `{field}` optional",
            )
    try:
        TopologicalSorter({name: wanted.keys() for name, wanted in needs.items()}).prepare()
    except CycleError as error:
        circle = list(reversed(error.args[1]))
        path = " → ".join(f"`{name}.{needs[name][target]}`" for name, target in pairwise(circle))
        spots[circle[0]].problem(
            f"required references go round in a circle: no first record could be made ({path})",
            hint="make one of these fields optional",
        )


def check_account_references(user: Entity, entities: Sequence[Entity], spot: Cursor) -> None:
    """Report references of `User` to what nobody may read before having an account, which is when they are sent."""
    public = {entity.name for entity in entities if entity.access.read == "public"}
    for field in user.fields:
        target = field.type.target
        if target and target not in public and not field.read_only:
            spot.problem(
                f"`User.{field.name}` refers to `{target}`, which nobody can read before signing in",
                expected="a reference to an entity with `**Access:** public read`",
                hint=f"people register before they can choose a `{target}`: leave the field out or make it `read-only`",
            )


def _needs(entity: Entity) -> dict[str, str]:
    """Return the entities that must have a record before this one can, each with the field that says so."""
    needs = {field.type.target: field.name for field in entity.fields if field.required and field.type.target}
    return needs | ({USER: "owner"} if entity.owner else {})


def _check_unique_per(name: str, other: str, fields: Mapping[str, FeatureField], spot: Cursor, *, owner: bool) -> None:
    if other == "owner" and owner:
        return
    if other not in fields:
        if other == "owner":
            spot.problem("`unique per owner`, but records have none", hint="add `**Owner:** yes`")
        else:
            spot.unknown("field", other, (*fields, *(("owner",) if owner else ())))
    elif other == name or fields[other].type.kind != "reference":
        spot.problem(
            f"`unique per {other}`, but `{other}` is no other reference",
            expected="a field whose type is an entity, or `owner`",
            hint=f"for two plain fields, write the label `**Unique:** ({name}, {other})`",
        )


def _check_slug(field: FeatureField, source: str, fields: Mapping[str, FeatureField], spot: Cursor) -> None:
    if source not in fields:
        spot.unknown("field", source, fields)
        return
    other = fields[source]
    if other.type.kind not in ("string", "text"):
        spot.problem(f"`slug of {source}`, but `{source}` is `{other.type.kind}`", expected="a string or a text")
    elif other.slug_of is not None:
        spot.problem(f"`slug of {source}`, but `{source}` is made from another field itself")
    elif field.required and not other.required:
        spot.problem(
            f"a required `slug of {source}`, but `{source}` is optional", hint="make both required or optional"
        )
