"""The label `Filter`: query parameters that keep the records which compare so."""

from __future__ import annotations

from collections.abc import Iterator

from skills.codegen.naming import attribute, column, join_columns, link_name, links_attribute, module_name
from skills.design.aspect import Aspect, Lookup, QueryParameter, Subject
from skills.design.queries import FilterParameter, filter_parameters


class FilterAspect(Aspect):
    name = "filter"

    def indexes(self, of: Subject) -> tuple[Lookup, ...]:
        return tuple(Lookup(name) for name in of.entity.filters)

    def parameters(self, of: Subject) -> Iterator[QueryParameter]:
        for parameter in filter_parameters(of.entity):
            yield _linked(of, parameter) if parameter.comparison == "links" else _compared(of, parameter)


def _compared(of: Subject, parameter: FilterParameter) -> QueryParameter:
    condition = f"{of.model}.{attribute(column(parameter.field))} {parameter.comparison} value"
    return QueryParameter(name=parameter.parameter, field=parameter.field, condition=condition)


def _linked(of: Subject, parameter: FilterParameter) -> QueryParameter:
    field, link = parameter.field, link_name(of.entity, parameter.field)
    _, related = join_columns(of.entity, of.feature.entity(field.type.target or ""))
    rows = f"{of.model}.{links_attribute(of.entity, field)}"
    return QueryParameter(
        name=parameter.parameter,
        field=field,
        condition=f"{rows}.any({link}.{attribute(related)} == value)",
        imports=((f"app.models.{module_name(of.entity.name)}", link),),
    )


ASPECT = FilterAspect()
