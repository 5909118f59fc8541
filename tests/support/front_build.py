"""The files that the Frontend skills make of a feature, and features that are hard on them."""

from __future__ import annotations

from collections.abc import Mapping

from schemas.base import JSON
from schemas.feature import Access, Entity, Feature, Operation
from schemas.handoffs import PythonBackendAgentOutput
from skills.core.contribution import Contribution
from skills.core.executor import run_template
from skills.core.registry import Registry
from tests.support.core_build import entity, feature, field
from tests.support.front_openapi import openapi

BACKEND = PythonBackendAgentOutput(
    task="Shop",
    timestamp="2026-01-01T00:00:00Z",
    files=(),
    api_contract=(),
    for_frontend_agent=(),
    dependencies_added=(),
)
SIGNED_IN = Access(read="signed-in", write="signed-in")


def outputs(described: Feature, document: dict[str, JSON] | None = None) -> dict[str, Contribution]:
    """Run both skills, on the API that follows from the feature unless another is given."""
    offered = {"feature": described, "backend": BACKEND, "openapi": document or openapi(described)}
    skills = {skill.name: skill for skill in Registry().skills}
    names = ("react-typed-client", "react-pages")
    return {name: run_template(skills[name], offered) for name in names}


def files(described: Feature, document: dict[str, JSON] | None = None) -> Mapping[str, str]:
    """Return the text of every file by path."""
    made = outputs(described, document)
    return {file.path: file.content for output in made.values() for file in output.files}


def only(described: Entity, *operations: Operation) -> Entity:
    """Return an entity that offers only `operations`."""
    return described.model_copy(update={"operations": operations})


def awkward() -> Feature:
    """Names that React, the browser and the router have too; every lack of operations; fields of every audience."""
    return feature(
        only(entity("Link", field("name"), access=SIGNED_IN), "list"),
        only(entity("Form", field("link", "reference", target="Link"), access=SIGNED_IN), "create"),
        only(entity("Query", field("count", "integer"), access=SIGNED_IN), "read", "update"),
        only(entity("Session", field("day", "date"), access=SIGNED_IN), "update", "delete"),
        only(entity("Column", access=SIGNED_IN), "list", "create", "delete"),
        only(entity("Page", field("form", "reference", target="Form", required=False)), "create", "read", "delete"),
        entity(
            "Error",
            field("body", "text"),
            field("ready", "boolean", required=False, has_default=True, default=True),
            field("secret", write_only=True, min_length=8),
            field("armed", "boolean", write_only=True),
            field("page", "reference", target="Page", required=False),
            field("forms", "references", target="Form", required=False),
            field("links", "references", target="Link", required=False),
            field("people", "references", target="User", required=False),
            field("total", "integer", read_only=True, has_default=True, default=0),
            access=Access(read="public", write="admin"),
        ).model_copy(update={"filters": ("links", "people", "page", "created_at"), "sorts": ("created_at", "ready")}),
        user=(field("links", "references", target="Link", required=False), field("motto", "text")),
    )


def hostile(text: str) -> Feature:
    """A feature whose every free text is `text`."""
    shop = feature(
        entity(
            "Thing",
            field("note", "text", has_default=True, default=text),
            field("kind", "enum", values=(text, "plain"), has_default=True, default=text),
        ).model_copy(update={"description": text})
    )
    return shop.model_copy(update={"title": text, "description": text})
