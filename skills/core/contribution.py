"""What a skill leaves: files, settings, routes, dependencies.

A contribution is data; nothing is written until every contribution of a step is merged, guarded and checked.
Every skill's output contract extends `Contribution` with the facts it states about its own work.

Not here: running a skill (`skills.core.executor`), finding one (`skills.core.registry`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic.json_schema import SkipJsonSchema

from schemas.base import Document
from schemas.errors import RunError
from schemas.feature import Gap
from schemas.handoffs import BusinessRule


class ContributedFile(Document):
    """A text file to be. `path` is relative to the workspace, POSIX separators, no `..`."""

    path: str
    content: str


class Setting(Document):
    """An environment variable the app reads. `type` is a Python type expression of `app.core.config`."""

    name: str  # UPPER_SNAKE
    type: Literal["str", "int", "float", "bool", "SecretStr"]
    default: str | None  # as written in the environment; None: must be set
    description: str


class Route(Document):
    """A FastAPI router module with a module-level `router`. `versioned`: mounted under `/api/v1`, else at the root."""

    module: str  # app.routers.todo
    versioned: bool = True


class Dependency(Document):
    """A package that a contributed file imports or runs. `version` is a requirement specifier of its ecosystem."""

    ecosystem: Literal["python", "npm"]
    name: str
    version: str
    group: Literal["runtime", "dev"]


class Contribution(Document):
    files: tuple[ContributedFile, ...] = ()
    settings: tuple[Setting, ...] = ()
    routes: tuple[Route, ...] = ()
    dependencies: tuple[Dependency, ...] = ()
    # What an executor adds, and no skill states. Gaps of the feature that a model implemented; the files that hold them
    # as they were without them: there the rules' tests must fail; gaps that it left, with what it says of them.
    business_rules: SkipJsonSchema[tuple[BusinessRule, ...]] = ()
    without: SkipJsonSchema[tuple[ContributedFile, ...]] = ()
    left: SkipJsonSchema[tuple[Gap, ...]] = ()


class ContributionConflict(RunError):
    """Two skills of one step claim the same file, setting or dependency with different content."""

    code = "contribution_conflict"


def merge(contributions: Sequence[tuple[str, Contribution]]) -> Contribution:
    """Return one contribution holding all of `(skill name, contribution)`, in order.

    Raises:
        ContributionConflict: Two skills claim one path, or one setting or dependency with different values.
    """
    owners: dict[tuple[str, str], tuple[str, Document]] = {}
    for skill, contribution in contributions:
        for kind, key, item in _claims(contribution):
            earlier = owners.setdefault((kind, key), (skill, item))
            if earlier[0] != skill and (kind == "file" or earlier[1] != item):
                raise ContributionConflict(f"{kind} `{key}` is claimed by both `{earlier[0]}` and `{skill}`")
    return Contribution(
        files=tuple(f for _, c in contributions for f in c.files),
        settings=tuple({s.name: s for _, c in contributions for s in c.settings}.values()),
        routes=tuple({r.module: r for _, c in contributions for r in c.routes}.values()),
        dependencies=tuple({(d.ecosystem, d.name): d for _, c in contributions for d in c.dependencies}.values()),
    )


def assembled_in(materials: Mapping[str, object]) -> Contribution:
    """Return what the skills before it in the step left, of all that a step offers a skill."""
    offered = materials.get("assembled")
    return offered if isinstance(offered, Contribution) else Contribution()


def _claims(contribution: Contribution) -> list[tuple[str, str, Document]]:
    return [
        *(("file", item.path, item) for item in contribution.files),
        *(("setting", item.name, item) for item in contribution.settings),
        *(("route", item.module, item) for item in contribution.routes),
        *(("dependency", f"{item.ecosystem}:{item.name}", item) for item in contribution.dependencies),
    ]
