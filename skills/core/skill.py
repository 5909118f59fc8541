"""One skill: what it is, and its Python, loaded on first use.

`blueprint.py` exposes `Input` (the materials it wants, each a field), `Output` (a `Contribution` with the facts it
states) and, if templates do the skill, `contribute(request, templates)`, a pure function: same input, same bytes. A
skill without `blueprint.py` wants the feature and leaves files; like one without `contribute`, it needs a model.
`EXTENSION_POINTS` and `GIVEN`, the paths of templates that are files of the app as they are, say what a model finds.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from handoff.plugins import load_module
from schemas.base import Document
from schemas.feature import Feature
from schemas.stack import Choice, Condition
from skills.core.contribution import ContributedFile, Contribution
from skills.core.extension_points import RULED, ExtensionPoints
from skills.core.manifest import Preparation, SkillInvalid, instructions
from skills.core.templates import Templates
from skills.design.aspects import Aspects


class FeatureInput(Document):
    """What a skill wants that does not say what it wants."""

    feature: Feature


@dataclass(frozen=True, kw_only=True, slots=True)
class Blueprint:
    """The Python of a skill. Without `contribute`, it has no template: a model must do it.

    `places` are those that its template leaves for a model's work, if there are any. `given` are files that nobody can
    write by hand (locks with hashes), and what belongs to them: a model finds them there.
    """

    input: type[Document]
    output: type[Contribution]
    contribute: Callable[[Document, Templates], object] | None
    places: ExtensionPoints | None = None
    given: tuple[ContributedFile, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Skill:
    """A skill as its `SKILL.md` describes it. It is for stacks for which every condition of `when` holds."""

    name: str
    description: str
    agents: tuple[str, ...]  # those that use it
    after: tuple[str, ...] = ()  # skills that run before it
    when: tuple[Condition, ...] = ()
    provides: tuple[Choice, ...] = ()  # what it makes of a stack
    defaults: tuple[Choice, ...] = ()  # what comes with that
    prepares: tuple[Preparation, ...] = ()
    folder: Path
    aspects: Aspects  # of labels, which its templates loop over
    built_in: bool

    @property
    def templates(self) -> Templates:
        return Templates(self.folder / "templates", self.aspects)

    def instructions(self) -> str:
        """Return the prose of `SKILL.md`."""
        return instructions(self.folder)

    def blueprint(self) -> Blueprint:
        """Return the skill's Python, importing it on the first call.

        Raises:
            SkillInvalid: `blueprint.py` cannot be imported, or lacks `Input` or `Output`.
        """
        path = self.folder / "blueprint.py"
        if not path.is_file():
            return Blueprint(input=FeatureInput, output=Contribution, contribute=None)
        try:
            module = self._module("blueprint")
        except Exception as error:  # whatever a stranger's module raises at import
            raise SkillInvalid((f"{path}: cannot be imported: {type(error).__name__}: {error}",)) from error
        return _blueprint(module, path, self.templates)

    def _module(self, name: str) -> ModuleType:
        if self.built_in:
            return importlib.import_module(f"skills.{self.folder.name}.{name}")
        return load_module(self.folder, name)


def _blueprint(module: ModuleType, path: Path, templates: Templates) -> Blueprint:
    request, output = getattr(module, "Input", None), getattr(module, "Output", None)
    contribute = getattr(module, "contribute", None)
    problems = []
    if not (isinstance(request, type) and issubclass(request, Document)):
        problems.append(f"{path}: `Input` must be a class that extends `schemas.base.Document`")
    if not (isinstance(output, type) and issubclass(output, Contribution)):
        problems.append(f"{path}: `Output` must be a class that extends `skills.core.contribution.Contribution`")
    if contribute is not None and not callable(contribute):
        problems.append(f"{path}: `contribute(request, templates)` must be a function")
    places = getattr(module, "EXTENSION_POINTS", None)
    if places is not None and not isinstance(places, ExtensionPoints):
        problems.append(f"{path}: `EXTENSION_POINTS` must be a `skills.core.extension_points.ExtensionPoints`")
    elif places is not None and RULED not in getattr(request, "model_fields", {}):
        problems.append(f"{path}: with `EXTENSION_POINTS`, `Input` needs the field `{RULED}: tuple[str, ...] = ()`")
    given = getattr(module, "GIVEN", ())
    if unknown := [name for name in given if not (path.parent / "templates" / name).is_file()]:
        problems.append(f"{path}: `GIVEN` names {', '.join(f'`{name}`' for name in unknown)}: no file of `templates/`")
    if problems:
        raise SkillInvalid(tuple(problems))
    return Blueprint(
        input=request,  # type: ignore[arg-type]  # checked above
        output=output,  # type: ignore[arg-type]  # checked above
        contribute=contribute,
        places=places,
        given=tuple(ContributedFile(path=name, content=templates.read(name)) for name in given),
    )
