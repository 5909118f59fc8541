"""The pipeline and the skills that commands use: Baton's own, and those of the project in a folder."""

from __future__ import annotations

from pathlib import Path

from handoff.catalogue import Catalogue
from orchestrator.interop.project import project_at
from orchestrator.orchestrator import Orchestrator
from orchestrator.planning.choices import catalogue_of
from orchestrator.planning.pipeline import Pipeline, full_stack
from skills.core.registry import Registry


def pipeline_and_registry(folder: Path = Path()) -> tuple[Pipeline, Registry]:
    """Return the agents and skills that a command in `folder` knows.

    Raises:
        ProjectInvalid: The project's file cannot be used.
        SkillInvalid: A skill of the project cannot be used.
    """
    project = project_at(folder.resolve())
    return (project.pipeline, project.registry) if project else (full_stack(), Registry())


def catalogue_at(folder: Path = Path()) -> Catalogue:
    """Return the choices that a command in `folder` knows. Raises as `pipeline_and_registry` does."""
    pipeline, registry = pipeline_and_registry(folder)
    return catalogue_of(registry, pipeline.toolchains)


def engine_of(workspace: Path = Path()) -> Orchestrator:
    """Return the engine for a command: with the workspace's own agents if it has some, else with the current folder's.

    Raises:
        ProjectInvalid: The project's file cannot be used.
        SkillInvalid: A skill of the project cannot be used.
    """
    project = project_at(workspace.resolve()) or project_at(Path.cwd())
    if project is None:
        return Orchestrator(workspace)
    return Orchestrator(workspace, pipeline=project.pipeline, registry=project.registry)
