"""Labels from folders outside the tree, and what is told of those that cannot be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from handoff.catalogue import Catalogue
from handoff.codec import parse
from handoff.feature import read_feature
from handoff.prd_labels import LabelInvalid, PrdLabels
from handoff.problems import HandoffInvalid
from orchestrator.planning.choices import built_in
from schemas.contract import contract_of
from schemas.feature import Feature

LABEL = """
from handoff.prd_labels import Known, Label
from handoff.prd_report import Cursor


def _read(value: str, known: Known, spot: Cursor) -> list[str] | None:
    return list(known.usables(value, "Stamped", spot)) or None


LABEL = Label(name="Stamped", read=_read, synonyms=("Stamp",){more})
"""
PRD = """# Feature PRD: Todos

## Entities

### Todo

{label}

| Field | Type | Required | Rules |
|---|---|---|---|
| title | string | yes | |
"""


def folder(tmp_path: Path, text: str, name: str = "stamped") -> Path:
    (tmp_path / name).mkdir()
    (tmp_path / name / "label.py").write_text(text, "utf-8")
    return tmp_path


def read(label: str, labels: PrdLabels | None = None) -> Feature:
    return read_feature(
        parse(contract_of("feature-prd"), PRD.format(label=label)), Catalogue(built_in().providers, labels)
    )


def test_what_an_outside_label_says_stands_in_the_entity(tmp_path: Path) -> None:
    labels = PrdLabels([folder(tmp_path, LABEL.format(more=""))])
    for written in ("**Stamped:** title", "**stamp:** title"):
        (todo,) = read(written, labels).entities
        assert todo.labels == {"stamped": ["title"]}


def test_an_outside_label_that_nobody_makes_is_a_gap(tmp_path: Path) -> None:
    feature = read("**Stamped:** title", PrdLabels([folder(tmp_path, LABEL.format(more=', gap="nobody stamps"'))]))
    assert [(gap.text, gap.reason) for gap in feature.gaps] == [("Todo, Stamped: title", "nobody stamps")]
    assert feature.entities[0].labels == {}


def test_the_mistakes_of_an_outside_label_are_told_as_those_of_others(tmp_path: Path) -> None:
    with pytest.raises(HandoffInvalid, match="did you mean `title`"):
        read("**Stamped:** titel", PrdLabels([folder(tmp_path, LABEL.format(more=""))]))
    with pytest.raises(HandoffInvalid, match="unknown label `Stamped`"):
        read("**Stamped:** title")


def test_an_entity_without_outside_labels_is_written_as_before() -> None:
    assert "labels" not in read("**Owner:** yes").entities[0].model_dump(mode="json")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("LABEL = 1", "`LABEL` must be a `handoff.prd_labels.Label`"),
        ("import nothing_of_that_name", "cannot be imported: ModuleNotFoundError"),
        (LABEL.format(more="").replace('"Stamp"', '"No  Overlap"'), "two labels are called `No  Overlap`"),
    ],
)
def test_a_label_that_cannot_be_used_is_refused_with_the_reason(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(LabelInvalid, match=message):
        PrdLabels([folder(tmp_path, text)])
