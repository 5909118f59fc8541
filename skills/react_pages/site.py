"""The site as a whole: its routes and who may take them, its navigation, and which endpoints each page calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from schemas.handoffs import Page
from skills.design.published import Call
from skills.react_pages.controls import Control
from skills.react_pages.imports import Imports
from skills.react_pages.pages import EntityPages
from skills.react_pages.values import FieldValue, Filter

Audience = Literal["public", "signed_in", "admin"]


@dataclass(frozen=True, kw_only=True, slots=True)
class PageRoute:
    """A page of an entity. `path` is relative to the root; `calls` are the operations the page itself makes."""

    path: str
    component: str
    folder: str
    audience: Audience
    purpose: str
    calls: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Collection:
    """An entry of the navigation."""

    to: str
    label: str
    description: str
    is_public: bool


def entity_routes(pages: EntityPages) -> list[PageRoute]:
    """Return the pages that the entity's operations allow."""
    reading: Audience = "public" if pages.is_public else "signed_in"
    writing: Audience = "admin" if pages.entity.access.write == "admin" else "signed_in"
    base = pages.entity.collection
    wanted: list[tuple[bool, str, str, Audience, str, tuple[str, ...]]] = [
        (pages.can("list"), base, "Collection", reading, f"Browse {pages.many}", ("list", "delete")),
        (pages.can("create"), f"{base}/new", "New", writing, f"Add to {pages.many}", ("create",)),
        (pages.can("read"), f"{base}/:id", "Detail", reading, f"See one of the {pages.many}", ("read", "delete")),
        (pages.is_edited, f"{base}/:id/edit", "Edit", writing, f"Change one of the {pages.many}", ("read", "update")),
    ]
    return [
        PageRoute(
            path=path,
            component=f"{pages.stem}{kind}Page",
            folder=base,
            audience=audience,
            purpose=purpose,
            calls=tuple(call for call in calls if pages.can(call)),
        )
        for exists, path, kind, audience, purpose, calls in wanted
        if exists
    ]


def collections(site: Sequence[EntityPages]) -> list[Collection]:
    """Return the navigation: every list, and the form of what can be added but not listed."""
    found = []
    for pages in site:
        if not pages.can("list") and not pages.can("create"):
            continue
        listed = pages.can("list")
        found.append(
            Collection(
                to=pages.base if listed else f"{pages.base}/new",
                label=pages.plural if listed else f"New {pages.one}",
                description=pages.entity.description,
                is_public=pages.is_public and listed,
            )
        )
    return found


def route_imports(routes: Sequence[PageRoute]) -> Imports:
    """Return the imports of `routes.tsx`."""
    imports = Imports()
    imports.add("react-router", "type RouteObject")
    imports.add("./components/Layout", "Layout")
    if any(route.audience != "public" for route in routes):
        imports.add("./auth/RequireUser", "RequireUser")
    for name in ("ErrorPage", "HomePage", "NotFoundPage", "SignInPage", "SignUpPage"):
        imports.add(f"./pages/{name}", name)
    for route in routes:
        imports.add(f"./pages/{route.folder}/{route.component}", route.component)
    return imports


def described_pages(
    site: Sequence[EntityPages], calls: Mapping[str, Mapping[str, Call]], account: Mapping[str, str]
) -> tuple[Page, ...]:
    """Return every page for the handoff, with the endpoints it calls.

    Args:
        site: The entities' pages.
        calls: By entity name, its calls by operation.
        account: The account's endpoints by operation, as `POST /api/v1/auth/login`.
    """
    sign_in = (account["login"], account["read_me"])
    every = (account["refresh"], account["read_me"], account["logout"])
    described = [
        Page(path="/", component="HomePage", purpose="Start: what there is", endpoints=every),
        Page(path="/sign-in", component="SignInPage", purpose="Sign in", endpoints=sign_in),
        Page(
            path="/sign-up",
            component="SignUpPage",
            purpose="Create an account",
            endpoints=(account["register"], *sign_in),
        ),
    ]
    for pages in site:
        for route in entity_routes(pages):
            own = [str(calls[pages.entity.name][call]) for call in route.calls]
            endpoints = tuple(dict.fromkeys((*own, *_named(pages, route, calls))))
            described.append(
                Page(path=f"/{route.path}", component=route.component, purpose=route.purpose, endpoints=endpoints)
            )
    return tuple(described)


def _named(pages: EntityPages, route: PageRoute, calls: Mapping[str, Mapping[str, Call]]) -> list[str]:
    """Return the calls with which a page names or offers the records that its own refer to."""
    kind = route.component.removeprefix(pages.stem).removesuffix("Page")
    shown: dict[str, Sequence[FieldValue | Filter | Control]] = {
        "Collection": [*pages.columns, *pages.filters],
        "Detail": pages.values,
        "New": pages.controls,
        "Edit": pages.controls,
    }
    targets = {each.target.name: None for each in shown[kind] if each.target}
    found = []
    for name in targets:
        wanted = ("list", "read") if kind in ("Collection", "Detail") else ("list",)
        found += [str(calls[name][operation]) for operation in wanted if operation in calls[name]]
    return found
