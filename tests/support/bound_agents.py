"""The built-in agents, bound to the toolchains of the default stack."""

from __future__ import annotations

from orchestrator.planning.choices import built_in
from orchestrator.planning.workflows import Workflows

DATABASE, PYTHON_BACKEND, FRONTEND, TEST = (step.agent for step in Workflows().pipeline().bound(built_in().stack()))
