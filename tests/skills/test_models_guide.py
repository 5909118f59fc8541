"""What the guide to models shows is what works."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from schemas.feature import BUSINESS_RULE
from skills.core.registry import Registry
from skills.model import errors
from skills.model.budget import Limits, Meter
from skills.model.models import PROVIDERS
from skills.model.record import Recording
from tests.skills.test_skills_guide import write_the_example

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "models.md").read_text("utf-8")
PROGRAM = "\n".join(re.findall(r"^```python\n(.*?)^```$", GUIDE, re.DOTALL | re.MULTILINE))


def test_the_examples_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    write_the_example(tmp_path / "my-skills")
    (tmp_path / "staged").mkdir()
    (tmp_path / "todo-lists.md").write_bytes((ROOT / "examples" / "todo-lists.md").read_bytes())
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(PROGRAM, names)  # noqa: S102  # the guide's own program

    assert capsys.readouterr().out.startswith("['app/OVERVIEW.md'] 2 calls, ")
    assert isinstance(names["recording"], Recording)
    assert isinstance(meter := names["meter"], Meter)
    assert meter.budget.step == Limits(calls=60, minutes=20)


def test_every_provider_is_in_the_table_with_its_extra_and_its_variables() -> None:
    for name, provider in PROVIDERS.items():
        (row,) = re.findall(rf"^\| `{name}:.*$", GUIDE, re.MULTILINE)
        assert f"| `{provider.extra}` |" in row
        assert all(f"`{variable}`" in row for variable in provider.variables)


def test_every_way_to_fail_is_in_the_guide() -> None:
    failures = [
        name for name, kind in vars(errors).items() if isinstance(kind, type) and kind.__module__ == errors.__name__
    ]
    of_the_model = [name for name in failures if issubclass(getattr(errors, name), errors.ModelFailed)]

    assert [name for name in of_the_model if f"`{name}`" not in GUIDE] == []


def test_every_kind_of_gap_that_a_model_is_given_is_in_the_guide() -> None:
    (row,) = re.findall(
        r"^\| a sentence under `Business Rules`; the labels (.*?) \| `(.*?)` \| (.*) \|$", GUIDE, re.MULTILINE
    )
    labels, name, paths = row
    takers = {s.name: p for s in Registry().skills if (p := s.blueprint().places) and p.work == "implement"}
    places = takers.pop(name)

    assert takers == {}
    assert {BUSINESS_RULE, *(each.lower() for each in re.findall("`(.*?)`", labels))} == set(places.kinds)
    assert all(path.replace("{module}", "<entity>") in paths for path in (places.code[0], *places.tests))
