"""The label `Sort`: what a list can be ordered by, up and down."""

from __future__ import annotations

from collections.abc import Iterator

from skills.codegen.naming import attribute, column, json_name
from skills.design.aspect import Aspect, Lookup, SortOrder, Subject
from skills.design.queries import listed_field


class SortAspect(Aspect):
    name = "sort"

    def indexes(self, of: Subject) -> tuple[Lookup, ...]:
        return tuple(Lookup(name, ordered=True) for name in of.entity.sorts)

    def orders(self, of: Subject) -> Iterator[SortOrder]:
        for name in of.entity.sorts:
            f = listed_field(of.entity, name)
            by = f"{of.model}.{attribute(column(f))}"
            # PostgreSQL puts nulls last in ascending order by itself.
            down = f"{by}.desc()" if f.required else f"{by}.desc().nulls_last()"
            yield SortOrder(json_name(f), (f"{by}.asc()", f"{of.model}.id.asc()"))
            yield SortOrder(f"-{json_name(f)}", (down, f"{of.model}.id.desc()"))


ASPECT = SortAspect()
