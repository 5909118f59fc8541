"""The files that the Database and Python Backend skills make of a feature, as a step would assemble them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from handoff.feature import feature_of
from handoff.store import read_file
from schemas.feature import Feature
from schemas.handoffs import DatabaseAgentOutput, Endpoint, FeaturePrd
from skills.contribution import Contribution, merge
from skills.executor import TemplateExecutor
from skills.formatting import format_python
from skills.registry import Registry

EXAMPLES = Path(__file__).parents[2] / "examples"


class Built(NamedTuple):
    files: Mapping[str, str]
    endpoints: tuple[Endpoint, ...]


def example(name: str) -> Feature:
    prd = read_file(EXAMPLES / f"{name}.md", "feature-prd").data
    assert isinstance(prd, FeaturePrd)
    return feature_of(prd)


def build(feature: Feature) -> Built:
    database = _run("database-agent", {"feature": feature}, feature)
    facts = database["database-schema-expander"].model_dump()
    handoff = DatabaseAgentOutput(
        task=feature.title,
        files=tuple(file["path"] for file in facts["files"]),
        tables=facts["tables"],
        migrations=facts["migrations"],
        verification=(),
    )
    backend = _run("python-backend-agent", {"feature": feature, "database": handoff}, feature)
    files = (*merge(tuple(database.items())).files, *merge(tuple(backend.items())).files)
    return Built(
        files={file.path: file.content for file in format_python(files, {})},
        endpoints=backend["python-api-patterns"].endpoints,  # type: ignore[attr-defined]  # its own output contract
    )


def _run(
    agent: str, materials: Mapping[str, Feature | DatabaseAgentOutput], feature: Feature
) -> dict[str, Contribution]:
    outputs: dict[str, Contribution] = {}
    for selection in Registry().select(feature.stack):
        if selection.active and selection.skill.agent == agent:
            offered = {**materials, "assembled": merge(tuple(outputs.items()))}
            outputs[selection.skill.name] = TemplateExecutor().execute(selection.skill, offered)
    return outputs


def write(files: Mapping[str, str], folder: Path) -> None:
    for path, text in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
