"""The guide's example is a skill that works."""

import re
from pathlib import Path

from handoff.codec import parse
from handoff.feature import read_feature
from orchestrator.planning.choices import built_in
from schemas.contract import contract_of
from skills.codegen.escaping import FILTERS
from skills.core.executor import run_template
from skills.core.extension_points import ExtensionPoints
from skills.core.registry import Registry

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "skills.md").read_text("utf-8")


def write_the_example(folder: Path) -> None:
    for path, text in re.findall(r"^```\w+ file=(\S+)\n(.*?)^```$", GUIDE, re.DOTALL | re.MULTILINE):
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, "utf-8")


def test_the_example_is_discovered_selected_and_run(tmp_path: Path) -> None:
    write_the_example(tmp_path)
    registry = Registry([tmp_path])
    skill = registry.skill("note-writer")
    assert skill.agents == ("python-backend-agent",)
    (selection,) = (item for item in registry.select(built_in().stack()) if item.skill is skill)
    assert (selection.active, selection.reason) == (True, "backend is Python")

    prd = parse(contract_of("feature-prd"), (ROOT / "examples" / "todo-lists.md").read_text("utf-8"))
    output = run_template(skill, {"feature": read_feature(prd, built_in())})
    assert output.model_dump()["listed"] == 2
    (page,) = output.files
    assert page.path == "app/OVERVIEW.md"
    assert page.content == (
        "# Todo lists\n\n## Todo lists\n\nA named list.\n\n## Todos\n\nOne thing to do, on one list.\n"
    )


def test_the_guide_names_every_filter() -> None:
    assert set(re.findall(r"^\| `(\w+)` \|", GUIDE.split("| Filter |")[1], re.MULTILINE)) == set(FILTERS)


def test_the_places_that_the_guide_shows_are_places() -> None:
    (shown,) = re.findall(r"^```python\n([^`]*?^EXTENSION_POINTS = .*?)^```$", GUIDE, re.DOTALL | re.MULTILINE)
    names: dict[str, object] = {}
    exec(shown, names)  # noqa: S102  # the guide's own words

    assert isinstance(names["EXTENSION_POINTS"], ExtensionPoints)
