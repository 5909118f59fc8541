"""A small skill, a bench to do it at, and a model to do it with: what the tests of model-backed skills share."""

from __future__ import annotations

from pathlib import Path

from schemas.feature import Access, Entity, Feature
from schemas.stack import Stack
from skills.core.contribution import Contribution
from skills.core.registry import Registry
from skills.core.skill import Skill
from skills.core.skill_context import Rework, SkillContext
from skills.model.budget import Meter
from skills.model.call import Patience
from skills.model.executor import ModelExecutor
from skills.model.scripted import Script, ScriptedModel

SKILL = """\
---
name: note-writer
description: Writes a page that lists a feature's entities.
metadata:
  agent: notes-agent
---

# Note writer

Name every entity, and say what it is for.
"""

BLUEPRINT = '''\
from schemas.base import Document
from schemas.feature import Feature
from skills.core.contribution import Contribution
from skills.core.templates import Templates


class Input(Document):
    feature: Feature


class Output(Contribution):
    """`listed` counts the entities on the page."""

    listed: int


def contribute(request: Input, templates: Templates) -> Output:
    raise NotImplementedError
'''

NOW = Patience(first=0.0, longest=0.0)
PAGE = {"docs/notes.md": "# Notes\n"}


def feature(description: str = "Short notes.") -> Feature:
    access = Access(read="signed-in", write="signed-in")
    user, note = (
        Entity(name=name, singular=name.lower(), table=f"{name.lower()}s", collection=f"{name.lower()}s", access=access)
        for name in ("User", "Note")
    )
    return Feature(
        title="Notes",
        slug="notes",
        description=description,
        stack=Stack({"backend": "Python"}),
        user=user,
        entities=(note,),
    )


def note_writer(folder: Path) -> Skill:
    skill = folder / "skills" / "note_writer"
    skill.mkdir(parents=True, exist_ok=True)
    (skill / "SKILL.md").write_text(SKILL)
    (skill / "blueprint.py").write_text(BLUEPRINT)
    return Registry([folder / "skills"], built_in=False).skill("note-writer")


def bench(folder: Path, *, meter: Meter | None = None, rework: Rework | None = None) -> SkillContext:
    """A place where `docs/**` may be written, and `app/main.py` is somebody else's."""
    tree = folder / "tree"
    (tree / "app").mkdir(parents=True, exist_ok=True)
    (tree / "app" / "main.py").write_text("print('main')\n")
    return SkillContext(
        agent="notes-agent",
        tree=tree,
        owned=lambda path: path.startswith("docs/"),
        owns=("docs/**",),
        meter=meter or Meter(),
        rework=rework,
    )


async def done(
    folder: Path,
    model: ScriptedModel | Script,
    *,
    place: SkillContext | None = None,
    described: Feature | None = None,
    patience: Patience = NOW,
    repairs: int = 3,
) -> Contribution:
    """Let a model do the skill."""
    model = model if isinstance(model, ScriptedModel) else ScriptedModel(model)
    executor = ModelExecutor(model, patience=patience, repairs=repairs)
    return await executor.execute(note_writer(folder), {"feature": described or feature()}, place or bench(folder))
