"""What each generated page module imports, from what it shows."""

from __future__ import annotations

import re
from collections.abc import Iterable

from schemas.feature import Entity
from skills.codegen.naming import class_name
from skills.react_pages.controls import Control
from skills.react_pages.imports import Imports
from skills.react_pages.pages import EntityPages
from skills.react_pages.values import FieldValue

_TEST_NAMES = {
    "@testing-library/react": ("fireEvent", "screen", "waitFor", "within"),
    "vitest": ("expect", "test"),
    "../../test/fake-api": ("answer", "fakeApi", "pageOf", "refusal", "SIGNED_IN", "USER", "VISITOR"),
    "../../test/open-app": ("CONTROLS_ONLY", "fill", "openApp", "press"),
}
COMPONENTS = "../../components"
FORMS = "../../forms"


def form_imports(pages: EntityPages) -> Imports:
    """Return the imports of `<Stem>Form.tsx`."""
    stem, imports = pages.stem, Imports()
    prefilled = pages.can("create") and pages.prefilled
    imports.add("react-router", "useNavigate", *(["useSearchParams"] if prefilled else []))
    imports.add(records(pages), f"type {pages.request_type}")
    if pages.can("create"):
        imports.add(records(pages), f"use{stem}Create")
    if pages.is_edited:
        imports.add(records(pages), f"type {stem}Response", f"use{stem}Update")
        imports.add(f"{FORMS}/convert", "changes")
    imports.add(f"{FORMS}/Form", "Form")
    imports.add(f"{FORMS}/use-form", "type Fields", "useForm")
    add_controls(imports, pages.controls, FORMS, "..", pages.entity)
    drafts = [c.from_record if pages.is_edited else "" for c in pages.controls]
    blanks = [c.blank if pages.can("create") else "" for c in pages.controls]
    _keep_used(imports, f"{FORMS}/convert", [*drafts, *blanks, *(c.to_request for c in pages.controls), "changes"])
    imports.add("./choices", *(c.name for c in pages.choices if any(c.name in each.element for each in pages.controls)))
    return imports


def collection_imports(pages: EntityPages) -> Imports:
    """Return the imports of `<Stem>CollectionPage.tsx`."""
    stem, imports = pages.stem, Imports()
    imports.add("react-router", "useSearchParams")
    imports.add(records(pages), f"type {stem}Query", f"type {stem}Response", f"use{stem}Page")
    imports.add("../../api/query-string", "pagingIn", *({p.reader for p in pages.parameters}))
    imports.add("../../api/query-string", *(["textIn"] if pages.sorts else []))
    _add_actions(imports, pages)
    imports.add(f"{COMPONENTS}/PageHeader", "PageHeader")
    imports.add(f"{COMPONENTS}/RecordTable", "type Column", "RecordTable")
    imports.add(f"{COMPONENTS}/RecordTable", *(["RecordLink"] if pages.can("read") else []))
    imports.add(f"{COMPONENTS}/states", "EmptyState")
    if pages.can("create"):
        imports.add("../../auth/access", "mayCreate")
        imports.add("../../auth/session", "useSession")
        imports.add(f"{COMPONENTS}/Button", "ButtonLink")
        imports.add(f"{COMPONENTS}/icons", "PlusIcon")
    if pages.filters:
        imports.add(f"{COMPONENTS}/filters", "FilterPanel", *(f.component for f in pages.filters if f.component))
    if pages.sorts:
        imports.add(f"{COMPONENTS}/SortSelect", "SortSelect")
    _add_values(imports, pages.columns, pages.entity)
    for each in pages.filters:
        if each.target:
            imports.add(reference(each.target, "..", pages.entity), f"{class_name(each.target.name)}Filter")
    used = {*(each.choices for each in pages.filters), *(each.choices for each in pages.columns)} - {""}
    imports.add("./choices", *used)
    imports.add("./name", f"nameOf{stem}")
    return imports


def detail_imports(pages: EntityPages) -> Imports:
    """Return the imports of `<Stem>DetailPage.tsx`."""
    imports = Imports()
    imports.add(records(pages), f"use{pages.stem}Record")
    _add_actions(imports, pages)
    if pages.can("delete"):
        imports.add("react-router", "useNavigate")
    if any(not related.is_public for related in pages.related):
        imports.add("../../auth/session", "useSession")
    imports.add(f"{COMPONENTS}/Button", *(["ButtonLink"] if pages.related else []))
    imports.add(f"{COMPONENTS}/Facts", "Fact", "Facts")
    imports.add(f"{COMPONENTS}/PageHeader", "PageHeader")
    imports.add(f"{COMPONENTS}/record-page", "RecordPage", "useRecordId")
    imports.add(f"{COMPONENTS}/values", "DateTimeValue")
    _add_values(imports, pages.values, pages.entity)
    imports.add("./choices", *({each.choices for each in pages.values} - {""}))
    imports.add("./name", f"nameOf{pages.stem}")
    for module, name in pages.added.imports:
        imports.add(module, name)
    return imports


def records(pages: EntityPages) -> str:
    """Return the module of the entity's calls, seen from its pages."""
    return f"../../api/records/{pages.entity.collection}"


def reference(target: Entity, up: str, of: Entity | None) -> str:
    """Return the module that names and offers records of `target`, seen from the pages of `of`."""
    name = f"{class_name(target.name)}Reference"
    return f"./{name}" if of and of.name == target.name else f"{up}/{target.collection}/{name}"


def add_controls(imports: Imports, controls: Iterable[Control], forms: str, up: str, of: Entity | None) -> None:
    """Import what the elements and rules of `controls` use."""
    for each in controls:
        for module, names in each.uses.items():
            imports.add(f"{forms}/{module}", *names)
        if each.target:
            suffix = "Checklist" if each.draft_type == "number[]" else "Field"
            imports.add(reference(each.target, up, of), f"{class_name(each.target.name)}{suffix}")


def reference_imports(pages: EntityPages) -> Imports:
    """Return the imports of `<Stem>Reference.tsx`."""
    stem, imports = pages.stem, Imports()
    reads, lists = pages.can("read"), pages.can("list")
    imports.add(f"{COMPONENTS}/values", "Nothing")
    if reads:
        imports.add("react-router", "Link")
        imports.add(records(pages), f"use{stem}Record")
    if reads or lists:
        imports.add("./name", f"nameOf{stem}")
        imports.add("../../auth/session", *([] if pages.is_public else ["useSession"]))
    if lists:
        imports.add("react-router", "useSearchParams")
        imports.add(records(pages), f"use{stem}Options")
        imports.add(f"{COMPONENTS}/filters", "SelectFilter")
        imports.add(f"{FORMS}/record-fields", "recordChoices", "RecordField", "RecordsField", "recordsIn")
        imports.add(f"{FORMS}/use-form", "type FieldProps")
    return imports


def _add_actions(imports: Imports, pages: EntityPages) -> None:
    if pages.is_edited or pages.can("delete"):
        imports.add("../../auth/access", "mayWrite")
        imports.add("../../auth/session", "useSession")
        imports.add(f"{COMPONENTS}/RecordActions", "RecordActions")
    if pages.can("delete"):
        imports.add(records(pages), f"use{pages.stem}Delete")


def _add_values(imports: Imports, values: Iterable[FieldValue], of: Entity) -> None:
    for each in values:
        imports.add(f"{COMPONENTS}/values", *([each.component] if each.component else []))
        if "<Several>" in each.element:
            imports.add(f"{COMPONENTS}/values", "Several")
        if each.target:
            imports.add(reference(each.target, "..", of), f"{class_name(each.target.name)}Name")


def _keep_used(imports: Imports, module: str, fragments: Iterable[str]) -> None:
    """Drop the names that no fragment of the module uses: a form that only adds never reads a record."""
    text = " ".join(fragments)
    imports.keep(module, lambda name: name in text)


def suite_imports(text: str) -> Imports:
    """Return the imports of `<Stem>.test.tsx`, whose lines below are `text`."""
    imports = Imports()
    for module, names in _TEST_NAMES.items():
        imports.add(module, *(name for name in names if re.search(rf"\b{name}\b", text)))
    return imports
