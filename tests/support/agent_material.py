"""Features, fields and trees for the tests of agents."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol

from agents.checks.scratch import Lock, Scratch
from agents.checks.time_limit import TimeLimit
from agents.contracts import Work
from orchestrator.planning.choices import built_in
from schemas.base import Document
from schemas.feature import Access, Entity, Feature, FeatureField, FieldType
from schemas.handoffs import ApiContract
from skills.core.contribution import Contribution

SKILLS = Path(__file__).parents[2] / "skills"
PYTHON_LOCK = SKILLS / "python_api_patterns" / "templates" / "requirements-dev.lock"
NODE_LOCK = SKILLS / "react_typed_client" / "templates" / "frontend" / "package-lock.json"
LOCKS = {
    "python": Lock(path="requirements-dev.lock", prepared=PYTHON_LOCK),
    "node": Lock(path="frontend/package-lock.json", prepared=NODE_LOCK),
}


class ScratchIn(Protocol):
    """Makes a place for checks on a tree."""

    def __call__(self, tree: Path, limit: TimeLimit | None = None) -> AbstractAsyncContextManager[Scratch]: ...


def field(name: str, kind: str, *, required: bool = True, **rules: object) -> FeatureField:
    """Make a field; `precision`, `scale`, `values` and `target` belong to its type."""
    typed = {key: rules.pop(key) for key in ("precision", "scale", "values", "target") if key in rules}
    type_ = FieldType.model_validate({"kind": kind, **typed})
    return FeatureField.model_validate({"name": name, "type": type_, "required": required, **rules})


def entity(name: str, table: str, *fields: FeatureField, **labels: object) -> Entity:
    singular = table.removesuffix("s")
    base = {"name": name, "singular": singular, "table": table, "collection": table.replace("_", "-")}
    access = Access(read="owner", write="owner")
    return Entity.model_validate({**base, "access": access, "fields": fields, **labels})


def feature(*entities: Entity, user_fields: tuple[FeatureField, ...] = (), title: str = "Todo lists") -> Feature:
    user = entity("User", "users", *user_fields)
    return Feature(title=title, slug="todo-lists", stack=built_in().stack(), user=user, entities=entities)


def work(
    described: Feature,
    *,
    outputs: Mapping[str, Contribution] | None = None,
    handoffs: Mapping[str, Document] | None = None,
    measured: tuple[Document, ...] = (),
    contract: ApiContract | None = None,
) -> Work:
    return Work(
        task="Todo lists",
        timestamp="2030-01-01T00:00:00Z",
        feature=described,
        handoffs=handoffs or {},
        outputs=outputs or {},
        files=(),
        measured=measured,
        contract=contract,
    )


def write_tree(tree: Path, files: Mapping[str, str]) -> None:
    for path, text in files.items():
        place = tree / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
