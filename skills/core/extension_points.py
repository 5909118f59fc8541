"""The places that a skill's template leaves for what no template can do: a model's work, and its alone.

A skill that has such places says so in its `blueprint.py`, as `EXTENSION_POINTS`. Its `Input` then has a field
`ruled`: the names of the entities whose places the template must leave. Nobody asks for any unless a model fills
them, so an app without such work has nothing of them.

Not here: what belongs there (`skills.model.gaps`), having it done (`skills.model.hybrid`).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from handoff.files import read_regular
from schemas.feature import Entity, Feature
from skills.codegen.naming import module_name

RULED: Final = "ruled"  # the field of a skill's `Input`


@dataclass(frozen=True, kw_only=True, slots=True)
class ExtensionPoints:
    """Files of a skill that a model may change; `{module}` in a path stands for each entity's module name.

    `work` is `implement` if the model does there what templates cannot, `follow` if it makes the skill's files fit the
    business rules that another agent implemented. `kinds` are those of the gaps (`Gap.kind`). Every implemented gap
    needs a test in one of `tests`. `guide` is a Markdown file in the skill's folder that tells the model how.
    """

    work: Literal["implement", "follow"]
    kinds: tuple[str, ...] = ()
    code: tuple[str, ...]
    tests: tuple[str, ...] = ()
    guide: str

    def guidance(self, folder: Path) -> str:
        """Return the text of the guide of the skill in `folder`."""
        return read_regular(folder / self.guide).decode().strip()

    def code_of(self, entity: Entity) -> tuple[str, ...]:
        """Return the paths of an entity's places."""
        return _filled_in(self.code, entity)

    def tests_of(self, entity: Entity) -> tuple[str, ...]:
        """Return the paths of the tests of what stands in an entity's places."""
        return _filled_in(self.tests, entity)

    def ruled(self, feature: Feature, changed: frozenset[str]) -> tuple[str, ...]:
        """Return the names of the entities with a place among the `changed` paths."""
        return tuple(entity.name for entity in feature.entities if changed & {*self.code_of(entity)})


def _filled_in(paths: tuple[str, ...], entity: Entity) -> tuple[str, ...]:
    return tuple(path.format(module=module_name(entity.name)) for path in paths)
