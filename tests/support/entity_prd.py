"""PRDs written in a test, and the database and files that follow from them."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from pathlib import Path

from handoff.codec import parse
from handoff.feature import read_feature
from orchestrator.planning.choices import built_in
from schemas.contract import contract_of
from schemas.feature import Feature
from schemas.handoffs import DatabaseAgentOutput
from skills.core.contribution import merge
from skills.core.formatting import format_python
from skills.core.templates import Templates
from skills.database_schema_expander import blueprint as database_schema
from skills.pydantic_validation import blueprint as validation
from skills.python_api_patterns.entities import entity_files
from skills.python_database_integration import blueprint as models
from skills.user_isolation import blueprint as isolation

SKILLS = Path(__file__).parents[2] / "skills"


def feature_from(entities: str, stack: str = "") -> Feature:
    """Return the feature of a PRD whose `## Entities` hold this text."""
    text = f"# Feature PRD: Test\n\n{stack}\n\n## Entities\n\n{entities}\n"
    return read_feature(parse(contract_of("feature-prd"), text), built_in())


def fields(*rows: str) -> str:
    """Return a table of fields: `fields("name | string | yes | 1..80 chars")`."""
    return "\n".join(("| Field | Type | Required | Rules |", "|---|---|---|---|", *(f"| {row} |" for row in rows)))


def database_of(feature: Feature) -> DatabaseAgentOutput:
    made = database_schema.contribute(database_schema.Input(feature=feature), _templates("database_schema_expander"))
    return DatabaseAgentOutput(task="", files=(), tables=made.tables, migrations=made.migrations, verification=())


def entity_side(feature: Feature, database: DatabaseAgentOutput | None = None) -> Mapping[str, str]:
    """Return models, schemas, access rules, services and routers, formatted, by path."""
    database = database or database_of(feature)
    made = merge(
        (
            ("models", models.contribute(_models_input(feature, database), _templates("python_database_integration"))),
            ("schemas", validation.contribute(validation.Input(feature=feature), _templates("pydantic_validation"))),
            ("access", isolation.contribute(isolation.Input(feature=feature), _templates("user_isolation"))),
        )
    )
    files = (*made.files, *entity_files(feature, _templates("python_api_patterns")))
    return {file.path: file.content for file in format_python(files, {file.path: "" for file in files})}


def class_body(source: str, name: str) -> dict[str, str]:
    """Return the annotated assignments of a class, name to the text after the colon."""
    tree = ast.parse(source)
    found = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name)
    return {
        ast.unparse(node.target): ast.unparse(node).partition(": ")[2]
        for node in found.body
        if isinstance(node, ast.AnnAssign)
    }


def _models_input(feature: Feature, database: DatabaseAgentOutput) -> models.Input:
    return models.Input(feature=feature, database=database)


def _templates(skill: str) -> Templates:
    return Templates(SKILLS / skill / "templates")
