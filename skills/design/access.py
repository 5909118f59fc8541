"""Who may call what: the facts that an entity's access rules come to.

Not here: the sentences that a refusal is described by (`endpoints`), the queries that enforce it.
"""

from __future__ import annotations

from schemas.feature import Entity, Feature
from schemas.stack import NONE


def accounts_exist(feature: Feature) -> bool:
    """Say whether people sign in at all."""
    return feature.stack["authentication"] != NONE


def reads_signed_in(entity: Entity, feature: Feature) -> bool:
    """Say whether only signed-in callers read the records."""
    return accounts_exist(feature) and entity.access.read != "public"


def read_scopes(entity: Entity, feature: Feature) -> str:
    """Return whose records a reader sees: `owner` where only their owner does, else `none`."""
    return "owner" if reads_signed_in(entity, feature) and entity.access.read == "owner" else "none"


def create_scopes(entity: Entity) -> str:
    """Return who may make a record: `admin`, or `none` where everybody who is let in may."""
    return "admin" if entity.access.write == "admin" else "none"


def write_scopes(entity: Entity) -> str:
    """Return who may change a record: `owner`, `admin`, or `none` where everybody who is let in may."""
    return entity.access.write if entity.access.write in ("owner", "admin") else "none"


def needs_owner_check(entity: Entity) -> bool:
    """Say whether others may read a record that only its owner may change."""
    changes = {"update", "delete"} & set(entity.operations)
    return bool(changes) and entity.access.write == "owner" and entity.access.read != "owner"
