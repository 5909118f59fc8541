"""Contributes what people see: the pages of every entity, accounts, the components and forms they are built from.

Each page is plain React over small components. What a page may call comes from `react-typed-client`.
"""

from __future__ import annotations

from collections.abc import Iterator

from schemas.base import JSON, Document
from schemas.feature import Entity, Feature
from schemas.handoffs import Page, PythonBackendAgentOutput, Unreachable
from skills.core.contribution import Contribution
from skills.core.templates import Templates
from skills.design.aspect import Code, Subject
from skills.design.names import ACCOUNT_OPERATIONS
from skills.design.published import ApiDocument, entity_calls
from skills.react_pages.files import Site
from skills.react_pages.pages import EntityPages
from skills.react_pages.site import described_pages


class Input(Document):
    feature: Feature
    backend: PythonBackendAgentOutput
    openapi: dict[str, JSON]


class Output(Contribution):
    """`pages` with the endpoints each calls; `unreachable` is what the API offers but no page can."""

    pages: tuple[Page, ...]
    unreachable: tuple[Unreachable, ...]


def contribute(request: Input, templates: Templates) -> Output:
    """Return the pages, components, forms, theme and component tests.

    Raises:
        ApiMismatch: The published API lacks an operation, a schema or a query parameter a page needs.
    """
    feature, api = request.feature, ApiDocument(request.openapi)
    calls = {entity.name: entity_calls(api, entity) for entity in feature.entities}
    account = {operation: str(api.call(operation)) for operation in ACCOUNT_OPERATIONS}
    registered = frozenset(api.properties("RegisterRequest"))
    api.done()
    site = [EntityPages(entity, feature, _controls(feature, entity, templates)) for entity in feature.entities]
    return Output(
        files=tuple(Site(feature, site, templates).files(registered)),
        pages=described_pages(site, calls, account),
        unreachable=tuple(gap for pages in site for gap in _unreachable(pages)),
    )


def _controls(feature: Feature, entity: Entity, templates: Templates) -> Code:
    """Return what aspects add to the page of a record."""
    added = templates.aspects.of(Subject(feature=feature, entity=entity))
    return added.code(lambda aspect, of: aspect.controls(of))


def _unreachable(pages: EntityPages) -> Iterator[Unreachable]:
    if pages.can("update") and not pages.is_edited:
        reason = "the API can change it but not return it, so there is nothing to fill a form with"
        yield Unreachable(text=f"Changing a {pages.one} in the browser", reason=reason)
    if pages.can("delete") and not pages.can("list") and not pages.can("read"):
        reason = "the API can delete it but not return it, so there is nothing to choose from"
        yield Unreachable(text=f"Deleting a {pages.one} in the browser", reason=reason)
