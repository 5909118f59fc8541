"""The files that the Database and Python Backend skills make of a feature, as a step would assemble them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from handoff.feature import feature_of
from handoff.store import read_file
from orchestrator.planning.choices import built_in
from schemas.feature import Access, Entity, Feature, FeatureField, FieldType, Kind
from schemas.handoffs import DatabaseAgentOutput, Endpoint, FeaturePrd, Table
from skills.core.contribution import Contribution, merge
from skills.core.executor import run_template
from skills.core.formatting import format_python
from skills.core.registry import Registry, Selection

EXAMPLES = Path(__file__).parents[2] / "examples"


class Built(NamedTuple):
    files: Mapping[str, str]
    endpoints: tuple[Endpoint, ...]
    tables: tuple[Table, ...]


OWNED = Access(read="owner", write="owner")


def field(name: str, kind: Kind = "string", *, required: bool = True, **rules: object) -> FeatureField:
    parts = {key: rules.pop(key) for key in ("precision", "scale", "values", "target") if key in rules}
    return FeatureField.model_validate(
        {"name": name, "type": FieldType.model_validate({"kind": kind, **parts}), "required": required, **rules}
    )


def entity(
    name: str, *fields: FeatureField, access: Access = OWNED, unique: tuple[tuple[str, ...], ...] = ()
) -> Entity:
    singular = re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
    return Entity(
        name=name,
        singular=singular,
        table=f"{singular}s",
        collection=f"{singular}s".replace("_", "-"),
        fields=fields,
        owner=access.read == "owner" or access.write == "owner",
        access=access,
        unique=unique,
    )


def feature(*entities: Entity, user: tuple[FeatureField, ...] = (), authentication: str = "JWT") -> Feature:
    return Feature(
        title="Shop",
        slug="shop",
        stack=built_in().stack({"authentication": authentication}),
        user=entity("User", *user).model_copy(update={"owner": False}),
        entities=entities,
    )


def everything() -> Feature:
    """Every type and rule, names that mean something to Python or SQLAlchemy, every kind of access."""
    sink = entity(
        "Sink",
        field("metadata", min_length=3, max_length=9),
        field("class"),
        field("model_x", "text", required=False, max_length=4),
        field("limit", "integer", minimum=-5, maximum=-2),
        field("price", "decimal", precision=8, scale=2, minimum=0),
        field("share", "decimal", precision=2, scale=2, has_default=True, default="0.10"),
        field("ratio", "float", minimum=0, maximum=1),
        field("ok", "boolean", has_default=True, default=True),
        field("day", "date"),
        field("at", "time"),
        field("moment", "datetime"),
        field("uid", "uuid"),
        field("mail", "email"),
        field("site", "url"),
        field("doc", "json"),
        field("state", "enum", values=('a"b', "c")),
        field("code", pattern=r"^[A-Z]{2}-\d{3,5}$", max_length=8, unique=True),
        field("slug", slug_of="metadata", unique=True),
        field("tags", "references", target="Tag", required=False),
        field("parent", "reference", target="Sink", required=False),
        field("boss", "reference", target="User"),
        field("hidden", write_only=True),
        field("counted", "integer", read_only=True, has_default=True, default=0),
        access=Access(read="public", write="owner"),
    )
    return feature(
        entity("Tag", field("label", unique=True), access=Access(read="public", write="admin")),
        entity("Note", field("text", "text"), access=Access(read="signed-in", write="signed-in")),
        sink,
        user=(
            field("username", unique=True, min_length=3, max_length=30, pattern="^[a-z0-9_]+$"),
            field("metadata", "text", required=False),
            field("tag", "reference", target="Tag", required=False),
        ),
    )


def example(name: str) -> Feature:
    prd = read_file(EXAMPLES / f"{name}.md", "feature-prd").data
    assert isinstance(prd, FeaturePrd)
    return feature_of(prd, built_in())


def build(feature: Feature, registry: Registry | None = None) -> Built:
    skills = registry or Registry()
    database = _run("database-agent", {"feature": feature}, skills.select(feature.stack))
    facts = database["database-schema-expander"].model_dump()
    handoff = DatabaseAgentOutput(
        task=feature.title,
        files=tuple(file["path"] for file in facts["files"]),
        tables=facts["tables"],
        migrations=facts["migrations"],
        verification=(),
    )
    backend = _run("python-backend-agent", {"feature": feature, "database": handoff}, skills.select(feature.stack))
    files = (*merge(tuple(database.items())).files, *merge(tuple(backend.items())).files)
    return Built(
        files={file.path: file.content for file in format_python(files, {})},
        endpoints=backend["python-api-patterns"].endpoints,  # type: ignore[attr-defined]  # its own output contract
        tables=handoff.tables,
    )


def _run(
    agent: str, materials: Mapping[str, Feature | DatabaseAgentOutput], selections: Iterable[Selection]
) -> dict[str, Contribution]:
    outputs: dict[str, Contribution] = {}
    for selection in selections:
        if selection.active and agent in selection.skill.agents:
            offered = {**materials, "assembled": merge(tuple(outputs.items()))}
            outputs[selection.skill.name] = run_template(selection.skill, offered)
    return outputs


def write(files: Mapping[str, str], folder: Path) -> None:
    for path, text in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
