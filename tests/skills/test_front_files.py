"""What the Frontend skills write, without running it."""

from __future__ import annotations

import json
import posixpath
import re
from html.parser import HTMLParser

import pytest

from schemas.feature import Feature
from schemas.handoffs import Page
from skills.design.published import ApiMismatch
from tests.support.core_build import EXAMPLES, entity, everything, example, feature, field
from tests.support.front_build import awkward, files, hostile, outputs
from tests.support.front_openapi import openapi

HOSTILE = "</script><script>alert(1)</script> {{ 7*7 }} {% raw %} `${1+1}` \"'\\ */ --> \u2028 <!-- é 🫒"
FEATURES = [*(example(path.stem) for path in sorted(EXAMPLES.glob("*.md"))), everything(), awkward()]

described = pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.slug)


@described
def test_every_import_leads_to_a_file(feature: Feature) -> None:
    made = files(feature)
    known = {*made, "frontend/src/api/schema.d.ts"}
    lost = [
        f"{path}: {module}"
        for path, text in made.items()
        for module in re.findall(r'(?:from|import) "(\.[^"]+)"', text)
        if path.endswith((".ts", ".tsx"))
        and not any(
            posixpath.normpath(posixpath.join(posixpath.dirname(path), module)) + ending in known
            for ending in ("", ".ts", ".tsx", ".d.ts")
        )
    ]

    assert lost == []


@described
def test_pages_state_only_endpoints_that_the_api_has(feature: Feature) -> None:
    document = openapi(feature)
    paths = {path: item for path, item in document["paths"].items() if path.startswith("/api/")}  # for people
    offered = {f"{method.upper()} {path}" for path, item in paths.items() for method in item}
    output = outputs(feature, document)["react-pages"]
    pages: tuple[Page, ...] = output.pages  # type: ignore[attr-defined]  # its own output contract
    called = {endpoint for page in pages for endpoint in page.endpoints}

    assert called <= offered
    assert len(offered - called) == len(output.unreachable)  # type: ignore[attr-defined]  # as above


@described
def test_equal_features_give_equal_bytes(feature: Feature) -> None:
    assert files(feature) == files(Feature.model_validate_json(feature.model_dump_json()))


@described
def test_lines_are_of_readable_length_and_end_without_spaces(feature: Feature) -> None:
    made = {path: text for path, text in files(feature).items() if path.endswith((".ts", ".tsx"))}
    assert [path for path, text in made.items() if re.search(r"[ \t]+$|\n{3}|\n\n\Z|[^\n]\Z", text, re.MULTILINE)] == []


def test_text_from_the_prd_stays_text() -> None:
    made = files(hostile(HOSTILE))
    shown = _Html()
    shown.feed(made["frontend/index.html"])

    assert shown.title == HOSTILE
    assert shown.scripts == ["/theme.js", "/src/main.tsx"]
    for path, text in made.items():
        if path.endswith((".ts", ".tsx")):
            assert "</script>" not in text, path
    literal = re.search(r"APP_TITLE = (.*);", made["frontend/src/app-info.ts"])
    assert literal is not None
    assert json.loads(literal[1]) == HOSTILE


def test_what_the_api_lacks_is_named_at_once() -> None:
    feature = example("todo-lists")
    document = openapi(feature)
    del document["paths"]["/api/v1/todos"]["get"]
    del document["components"]["schemas"]["TodoListCreate"]
    parameters = document["paths"]["/api/v1/todo-lists"]["get"]["parameters"]
    parameters[:] = [each for each in parameters if each["name"] != "sort"]

    with pytest.raises(ApiMismatch) as refused:
        files(feature, document)

    text = str(refused.value)
    assert "no operation `list_todos`" in text
    assert "no schema `TodoListCreate` (is `TodoCreate` meant?)" in text
    assert "`GET /api/v1/todo-lists` has no query parameter `sort`" in text


def test_paths_and_parameters_are_those_of_the_document() -> None:
    feature = example("todo-lists")
    text = json.dumps(openapi(feature)).replace("/api/v1/todos", "/api/v2/tasks").replace("{todo_id}", "{id}")
    text = text.replace('"name": "todo_id"', '"name": "id"')

    calls = files(feature, json.loads(text))["frontend/src/api/records/todos.ts"]

    assert 'client.PATCH("/api/v2/tasks/{id}", { params: { path: { id: id } }, body })' in calls


def test_a_page_exists_only_where_the_api_can_do_its_work() -> None:
    made = files(awkward())

    def pages(folder: str) -> set[str]:
        return {path.rpartition("/")[2] for path in made if path.startswith(f"frontend/src/pages/{folder}/")}

    assert "LinkCollectionPage.tsx" in pages("links")
    assert "LinkDetailPage.tsx" not in pages("links")
    assert "FormRecordNewPage.tsx" in pages("forms")
    assert "QueryRecordEditPage.tsx" in pages("querys")
    assert pages("sessions") == set()


def test_what_the_api_can_change_but_not_show_is_a_stated_gap() -> None:
    gaps = outputs(awkward())["react-pages"].unreachable  # type: ignore[attr-defined]  # its own output contract

    assert [gap.text for gap in gaps] == ["Changing a session in the browser", "Deleting a session in the browser"]


def test_fields_go_where_they_belong() -> None:
    made = files(awkward())
    form, detail = (made[f"frontend/src/pages/errors/ErrorRecord{name}.tsx"] for name in ("Form", "DetailPage"))

    assert 'form.field("secret")' in form
    assert "record.secret" not in detail
    assert "secret: { ...FIELDS.secret, required: false" in form
    assert 'form.field("total")' not in form
    assert "record.total" in detail


def test_page_tests_look_for_fields_among_controls_for_the_navigation_may_be_labelled_alike() -> None:
    made = files(feature(entity("Pipe", field("main"))))
    page = made["frontend/src/pages/pipes/Pipe.test.tsx"]
    assert 'getByLabelText("Main", CONTROLS_ONLY)' in page
    assert '<nav aria-label="Main"' in made["frontend/src/components/Layout.tsx"]
    for path in ("pages/pipes/Pipe.test.tsx", "test/open-app.tsx"):
        looked = re.findall(r"ByLabelText[^(]*\(([^)]*)\)", made[f"frontend/src/{path}"])
        assert looked
        assert all(arguments.endswith(", CONTROLS_ONLY") for arguments in looked)


def test_a_visitor_registers_with_the_fields_of_the_registration() -> None:
    page = files(awkward())["frontend/src/pages/SignUpPage.tsx"]

    assert '<TextAreaField {...form.field("motto")} />' in page
    # Visitors cannot list links, so they name them by number.
    assert '<InputField {...form.field("links_ids")} />' in page


def test_only_those_who_may_are_let_in() -> None:
    routes = files(example("room-bookings"))["frontend/src/routes.tsx"]
    public, _, guarded = routes.partition("routes: RouteObject[]")[2].partition("<RequireUser />")
    signed_in, _, admin = guarded.partition("<RequireUser admin />")

    assert "rooms/:id" in public
    assert "bookings" not in public
    assert "bookings/:id/edit" in signed_in
    assert "rooms/new" in admin


def test_the_lock_is_the_package_s_and_names_no_registry() -> None:
    made = files(example("todo-lists"))
    package, lock = (json.loads(made[f"frontend/{name}.json"]) for name in ("package", "package-lock"))

    assert lock["packages"][""]["dependencies"] == package["dependencies"]
    assert lock["packages"][""]["devDependencies"] == package["devDependencies"]
    assert lock["name"] == package["name"] == "frontend"
    assert not [path for path, entry in lock["packages"].items() if "resolved" in entry]
    assert all("integrity" in entry or "inBundle" in entry for path, entry in lock["packages"].items() if path)


def test_every_platform_s_packages_are_locked() -> None:
    lock = json.loads(files(example("todo-lists"))["frontend/package-lock.json"])["packages"]
    missing = [
        f"{path}: {name}"
        for path, entry in lock.items()
        for name in entry.get("optionalDependencies", {})
        if f"node_modules/{name}" not in lock and f"{path}/node_modules/{name}" not in lock
    ]

    assert missing == []


class _Html(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.title, self.scripts, self._tag = "", list[str | None](), ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._tag = tag
        if tag == "script":
            self.scripts.append(dict(attrs).get("src"))

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002  # the parser names it so
        self._tag = ""

    def handle_data(self, data: str) -> None:
        if self._tag == "title":
            self.title += data
