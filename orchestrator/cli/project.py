"""The workflows and the skills that commands use: Baton's own, and those of the project in a folder."""

from __future__ import annotations

from pathlib import Path

from handoff.catalogue import Catalogue
from orchestrator.interop.project import project_at
from orchestrator.orchestrator import Orchestrator
from orchestrator.planning.choices import catalogue_of
from orchestrator.planning.workflow import FEATURE
from orchestrator.planning.workflows import Workflows
from skills.core.registry import Registry


def workflows_and_registry(folder: Path = Path()) -> tuple[Workflows, Registry]:
    """Return the workflows, with their agents, and the skills that a command in `folder` knows.

    Raises:
        ProjectInvalid: The project's file cannot be used.
        InputError: An agent, a workflow or a skill of the project cannot be used.
    """
    project = project_at(folder.resolve())
    return (project.workflows, project.registry) if project else (Workflows(), Registry())


def catalogue_at(folder: Path = Path()) -> Catalogue:
    """Return the choices that a command in `folder` knows. Raises as `workflows_and_registry` does."""
    workflows, registry = workflows_and_registry(folder)
    return catalogue_of(registry, workflows.toolchains)


def engine_of(workspace: Path = Path(), *, workflow: str = FEATURE) -> Orchestrator:
    """Return the engine for a command: with the workspace's own agents if it has some, else with the current folder's.

    Raises:
        ProjectInvalid: The project's file cannot be used.
        InputError: An agent, a workflow or a skill of the project cannot be used.
    """
    project = project_at(workspace.resolve()) or project_at(Path.cwd())
    if project is None:
        return Orchestrator(workspace, workflow=workflow)
    return Orchestrator(workspace, workflow=workflow, workflows=project.workflows, registry=project.registry)
