"""What will be there: the tables, endpoints and pages that a feature leads to, as lines that people read.

Not here: how any of them is made.
"""

from __future__ import annotations

from collections.abc import Iterator

from schemas.feature import Entity, Feature
from skills.codegen.naming import column, join_table
from skills.design.access import accounts_exist
from skills.design.aspects import Aspects
from skills.design.endpoints import endpoints


def table_lines(feature: Feature, aspects: Aspects) -> tuple[str, ...]:
    """Return a line a table: its name and what is stored beside the id and the times."""
    designed = aspects.designed(feature)
    entities = (designed.user, *designed.entities) if accounts_exist(designed) else designed.entities
    joins = [join_table(each, field) for each in entities for field in each.fields if field.type.kind == "references"]
    return (*(_listed(each.table, _columns(each, designed)) for each in entities), *joins)


def endpoint_lines(feature: Feature, aspects: Aspects) -> tuple[str, ...]:
    """Return a line a path: what may be done there."""
    methods: dict[str, list[str]] = {}
    for endpoint in endpoints(aspects.designed(feature), aspects=aspects):
        methods.setdefault(endpoint.path, []).append(endpoint.method)
    return tuple(f"{path}: {', '.join(each)}" for path, each in methods.items())


def page_lines(feature: Feature) -> tuple[str, ...]:
    """Return a line an entity: the paths of its pages."""
    account = ("/sign-in", "/sign-up") if accounts_exist(feature) else ()
    site = [("/", *account), *(tuple(_pages(each)) for each in feature.entities)]
    return tuple(", ".join(paths) for paths in site if paths)


def _listed(table: str, columns: tuple[str, ...]) -> str:
    return f"{table}: {', '.join(columns)}" if columns else table


def _columns(entity: Entity, feature: Feature) -> tuple[str, ...]:
    account = ("email", "name", "role") if entity.name == feature.user.name else ()
    stored = (field for field in entity.fields if field.type.kind != "references" and not field.computed)
    return (*account, *(["owner_id"] if entity.owner else ()), *map(column, stored))


def _pages(entity: Entity) -> Iterator[str]:
    can, base = entity.operations, f"/{entity.collection}"
    wanted = ((base, {"list"}), (f"{base}/new", {"create"}), (f"{base}/:id", {"read"}))
    yield from (path for path, needed in (*wanted, (f"{base}/:id/edit", {"read", "update"})) if needed <= set(can))
