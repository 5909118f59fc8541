"""Render the frontend's files from an entity's pages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from schemas.feature import Feature
from skills.codegen.naming import json_name
from skills.core.contribution import ContributedFile
from skills.core.templates import Templates
from skills.design.fields import writable
from skills.react_pages.controls import Control, control
from skills.react_pages.imports import Imports
from skills.react_pages.modules import (
    add_controls,
    collection_imports,
    detail_imports,
    form_imports,
    reference_imports,
    suite_imports,
)
from skills.react_pages.pages import EntityPages, enum_choices
from skills.react_pages.samples import registration, sample
from skills.react_pages.site import collections, entity_routes, route_imports

ROOT = "frontend"
COPIED = (
    "public/favicon.svg",
    "public/theme.js",
    "src/App.tsx",
    "src/app.test.tsx",
    "src/auth/RequireUser.tsx",
    "src/components/Button.tsx",
    "src/components/DeleteButton.tsx",
    "src/components/Facts.tsx",
    "src/components/Layout.tsx",
    "src/components/PageHeader.tsx",
    "src/components/Pager.tsx",
    "src/components/RecordActions.tsx",
    "src/components/RecordTable.tsx",
    "src/components/SortSelect.tsx",
    "src/components/ThemeToggle.tsx",
    "src/components/filters.tsx",
    "src/components/icons.tsx",
    "src/components/record-page.tsx",
    "src/components/states.tsx",
    "src/components/values.tsx",
    "src/forms/Form.tsx",
    "src/forms/controls.tsx",
    "src/forms/convert.test.ts",
    "src/forms/convert.ts",
    "src/forms/form.test.tsx",
    "src/forms/record-fields.tsx",
    "src/forms/rules.test.ts",
    "src/forms/rules.ts",
    "src/forms/use-form.ts",
    "src/main.tsx",
    "src/pages/ErrorPage.tsx",
    "src/pages/HomePage.tsx",
    "src/pages/NotFoundPage.tsx",
    "src/pages/SignInPage.tsx",
    "src/styles.css",
    "src/test/fake-api.ts",
    "src/test/open-app.tsx",
    "src/test/setup.ts",
)
_PAGE_IMPORTS = {"CollectionPage": collection_imports, "DetailPage": detail_imports}  # the other pages' are fixed
_LONGEST_DESCRIPTION = 600  # characters of the PRD's prose that the home page shows


class Site:
    """The frontend of one feature, file by file."""

    def __init__(self, feature: Feature, pages: Sequence[EntityPages], templates: Templates) -> None:
        """Render with the skill's own `templates`."""
        self._feature, self._pages, self._templates = feature, pages, templates

    def files(self, registered: frozenset[str]) -> Iterator[ContributedFile]:
        """Yield every file. `registered` are the properties of a registration, as JSON names them."""
        for name in COPIED:
            yield ContributedFile(path=f"{ROOT}/{name}", content=self._templates.read(f"{ROOT}/{name}"))
        yield from self._shell()
        yield from self._sign_up(registered)
        for pages in self._pages:
            yield from self._entity(pages)

    def _shell(self) -> Iterator[ContributedFile]:
        routes = [route for pages in self._pages for route in entity_routes(pages)]
        by_audience = {
            audience: [route for route in routes if route.audience == audience]
            for audience in ("public", "signed_in", "admin")
        }
        description = _shortened(self._feature.description)
        yield self._render("index.html", feature=self._feature, description=description)
        yield self._render("src/app-info.ts", feature=self._feature, description=description)
        yield self._render("src/navigation.ts", collections=collections(self._pages))
        yield self._render("src/routes.tsx", imports=route_imports(routes), **by_audience)

    def _sign_up(self, registered: frozenset[str]) -> Iterator[ContributedFile]:
        user = self._feature.user
        fields = [field for field in writable(user) if json_name(field) in registered]
        controls = [control(field, self._feature, "RegisterRequest", visitor=True) for field in fields]
        choices = [each for each in enum_choices(user) if any(each.name in c.element for c in controls)]
        imports = _sign_up_imports(controls)
        imports.add("./account-choices", *(each.name for each in choices))
        yield self._render("src/pages/SignUpPage.tsx", controls=controls, imports=imports)
        asked = registration(fields, controls)
        yield self._render("src/pages/SignUpPage.test.tsx", entered=asked.entered, targets=asked.targets)
        if choices:
            yield self._render(
                "src/pages/account-choices.ts", "src/pages/choices.ts", choices=choices, forms="../forms"
            )

    def _entity(self, pages: EntityPages) -> Iterator[ContributedFile]:
        stem = pages.stem
        if pages.can("list") or pages.can("read"):
            yield self._page(pages, "name.ts", "entity/name.ts")
        if pages.choices:
            yield self._page(pages, "choices.ts", "choices.ts", choices=pages.choices, forms="../../forms")
        if pages.is_referenced:
            yield self._page(pages, f"{stem}Reference.tsx", "entity/Reference.tsx", imports=reference_imports(pages))
        if pages.has_form:
            yield self._page(pages, f"{stem}Form.tsx", "entity/Form.tsx", imports=form_imports(pages))
        for route in entity_routes(pages):
            kind = route.component.removeprefix(stem)
            imports = _PAGE_IMPORTS[kind](pages) if kind in _PAGE_IMPORTS else ""
            yield self._page(pages, f"{route.component}.tsx", f"entity/{kind}.tsx", imports=imports)
        if entity_routes(pages):
            suite = self._page(pages, f"{stem}.test.tsx", "entity/pages.test.tsx", sample=sample(pages))
            yield suite.model_copy(update={"content": f"{suite_imports(suite.content)}\n{suite.content}"})

    def _page(self, pages: EntityPages, name: str, template: str, **context: object) -> ContributedFile:
        path = f"src/pages/{pages.entity.collection}/{name}"
        return self._render(path, f"src/pages/{template}", p=pages, **context)

    def _render(self, path: str, template: str | None = None, /, **context: object) -> ContributedFile:
        content = self._templates.render(f"{ROOT}/{template or path}.j2", **context)
        return ContributedFile(path=f"{ROOT}/{path}", content=content)


def _sign_up_imports(controls: Sequence[Control]) -> Imports:
    imports = Imports()
    imports.add("react-router", "Link", "Navigate", "useLocation")
    imports.add("../api/auth", "type RegisterRequest")
    imports.add("../auth/session", "useSession")
    imports.add("../components/PageHeader", "PageHeader")
    imports.add("../forms/controls", "InputField")
    imports.add("../forms/Form", "Form")
    imports.add("../forms/rules", "length")
    imports.add("../forms/use-form", "type Fields", "useForm")
    imports.add("./SignInPage", "from")
    add_controls(imports, controls, "../forms", ".", None)
    drafts = [fragment for each in controls for fragment in (each.blank, each.to_request)]
    imports.keep("../forms/convert", lambda name: any(name in draft for draft in drafts))
    return imports


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST_DESCRIPTION else f"{line[:_LONGEST_DESCRIPTION].rstrip()}…"
